#!/usr/bin/env python3
"""A synthetic room for echo cancellers, and its score. Needs numpy, scipy and espeak-ng.
  echo-room.py make DIR          writes CASE_{far,mic,echo,near}.wav (16 kHz mono, 60 s) for every case below
  echo-room.py score DIR CASE OUT.wav   one JSON line: ERLE in dB per span, STOI and level of the near voice in double talk
far: what the loudspeaker is given. mic = echo (with noise floor) + near. near: a second voice from 30 to 45 s. OUT: what a
canceller made of mic (its own delay is found and taken out). Cases: rt200 rt400 (reverberation in ms), rt200-nl (loudspeaker
compression), rt200-NNppm (the microphone's clock is faster), rt200-bulk60 (60 ms more delay), rt200-lost (10 ms of microphone
lost at 20 s), rt200-jump20 (20 ms inserted at 20 s). espeak-ng speech; the room is seeded, so cases are the same everywhere."""
import json, os, subprocess, sys
import numpy as np, scipy.io.wavfile as wavfile, scipy.signal as sig
FS, SECONDS = 16000, 60
TALK = {
    'far': ('en-us', 150, "Attention please. This is the control room. The lift at platform two is out of service until further notice. "
            "Passengers for the north exit, use the stairs beside the ticket office. Staff will help you there. Please keep clear of the doors. "
            "If you see somebody who needs help, press the button at the nearest help point and speak to us."),
    'near': ('en-gb', 165, "Hello, I need help. My friend has fallen on the stairs near the exit and can not stand up. We are on platform two, "
             "beside the vending machine. Please send somebody, and tell them to bring a wheelchair."),
}

def speech(which):
    voice, speed, text = TALK[which]
    path = f'/tmp/echo-room-{os.getpid()}.wav'
    subprocess.run(['espeak-ng', '-v', voice, '-s', str(speed), '-w', path, text], check=True)
    rate, x = wavfile.read(path); os.unlink(path)
    x = sig.resample_poly(x / 32768, FS, rate)
    return x / np.max(np.abs(x)) * .7

def impulse(rt60, rng, delay=96, n=4096):
    t = np.arange(n) / FS
    h = np.zeros(n); h[delay] = 1
    tail = rng.standard_normal(n) * np.exp(-6.9 * t / rt60)
    tail = np.roll(tail, delay + 48); tail[:delay + 48] = 0
    h += tail / np.sqrt(np.sum(tail ** 2))              # direct to reverberant: 0 dB
    return sig.lfilter(*sig.butter(2, [150 / 8000, 7000 / 8000], 'band'), h)

def drift(x, ppm):
    up = sig.resample_poly(x, 8, 1)
    at = np.arange(len(x)) * (1 + ppm * 1e-6) * 8
    return np.pad(np.interp(at[at < len(up) - 1], np.arange(len(up)), up), (0, len(x)))[:len(x)]

def make(out):
    os.makedirs(out, exist_ok=True)
    n = SECONDS * FS
    far, near_talk = np.resize(speech('far'), n), speech('near')
    def write(case, **tracks):
        for k, x in tracks.items():
            wavfile.write(f'{out}/{case}_{k}.wav', FS, (np.clip(x, -1, 1) * 32767).astype(np.int16))
    for case, rt60, clip in (('rt200', .2, 0), ('rt400', .4, 0), ('rt200-nl', .2, 1)):
        rng = np.random.default_rng(7)
        h = impulse(rt60, rng)
        x = np.tanh(3 * far) / np.tanh(3) * .9 if clip else far
        echo = sig.fftconvolve(x, h)[:n]
        echo *= .25 / np.max(np.abs(echo))
        echo += rng.standard_normal(n) * 10 ** (-62 / 20)
        near = np.zeros(n); m = min(len(near_talk), 15 * FS)
        near[30 * FS:30 * FS + m] = near_talk[:m] * np.std(echo) * 10 ** (-2.6 / 20) / np.std(near_talk[:m])
        write(case, far=far, echo=echo, near=near, mic=echo + near)
        if case != 'rt200': continue
        moves = {f'rt200-{p}ppm': (lambda s, p=p: drift(s, p)) for p in (5, 20, 100, 300)}
        moves['rt200-bulk60'] = lambda s: np.concatenate([np.zeros(960), s[:-960]])
        moves['rt200-lost'] = lambda s: np.concatenate([s[:20 * FS], s[20 * FS + 160:], np.zeros(160)])
        moves['rt200-jump20'] = lambda s: np.concatenate([s[:20 * FS], np.zeros(320), s[20 * FS:-320]])
        for name, f in moves.items():
            e, r = f(echo), f(near)
            write(name, far=far, echo=e, near=r, mic=e + r)

def stoi(r, x):
    """Short-time objective intelligibility (Taal et al. 2011), silent frames dropped rather than re-synthesised."""
    r, x = sig.resample_poly(r, 5, 8), sig.resample_poly(x, 5, 8)
    win = np.hanning(258)[1:-1]
    fr = lambda a: np.lib.stride_tricks.sliding_window_view(a, 256)[::128] * win
    R, X = fr(r), fr(x); e = 20 * np.log10(np.linalg.norm(R, axis=1) + 1e-12); keep = e > e.max() - 40
    f = np.linspace(0, 5000, 257); cf = 150 * 2 ** (np.arange(15) / 3)
    B = np.array([(f >= c * 2 ** (-1 / 6)) & (f < c * 2 ** (1 / 6)) for c in cf]).astype(float)
    band = lambda a: np.sqrt(np.abs(np.fft.rfft(a[keep], 512, axis=1)) ** 2 @ B.T).T
    R, X = band(R), band(X); d = []
    for m in range(30, R.shape[1] + 1):
        a, b = R[:, m - 30:m], X[:, m - 30:m]
        b = np.minimum(b * (np.linalg.norm(a, axis=1) / (np.linalg.norm(b, axis=1) + 1e-12))[:, None], a * (1 + 10 ** .75))
        a = a - a.mean(1, keepdims=True); b = b - b.mean(1, keepdims=True)
        d.append(np.mean((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-12)))
    return float(np.mean(d)) if d else float('nan')

def score(out, case, path):
    read = lambda p: wavfile.read(p)[1].astype(float) / 32768
    echo, near, mic, y = (read(p) for p in (f'{out}/{case}_echo.wav', f'{out}/{case}_near.wav', f'{out}/{case}_mic.wav', path))
    y = np.pad(y, (0, max(0, len(mic) - len(y))))[:len(mic)]
    span = slice(30 * FS, 45 * FS)
    c = np.abs(sig.fftconvolve(y[span], near[span][::-1]))
    mid = 15 * FS - 1; lag = max(0, int(np.argmax(c[mid:mid + 1600])))        # a canceller may delay by up to 100 ms
    y = np.concatenate([y[lag:], np.zeros(lag)])
    power = lambda x, a, b: np.mean(x[int(a * FS):int(b * FS)] ** 2) + 1e-12
    erle = lambda a, b: round(10 * np.log10(power(echo, a, b) / power(y, a, b)), 1)
    print(json.dumps({'case': case, 'delayMs': round(lag / 16, 1),
        'erleDb': {'0-1': erle(0, 1), '1-3': erle(1, 3), '3-10': erle(3, 10), '10-20': erle(10, 20), '20-22': erle(20, 22), '22-30': erle(22, 30), '46-59': erle(46, 59)},
        'doubleTalk': {'stoi': round(float(stoi(near[span], y[span])), 3), 'stoiUntreated': round(float(stoi(near[span], mic[span])), 3),
                       'levelDb': round(10 * np.log10(power(y, 30, 45) / power(near, 30, 45)), 1)}}))

if __name__ == '__main__':
    if sys.argv[1:2] == ['make'] and len(sys.argv) == 3: make(sys.argv[2])
    elif sys.argv[1:2] == ['score'] and len(sys.argv) == 5: score(*sys.argv[2:])
    else: sys.exit(__doc__)
