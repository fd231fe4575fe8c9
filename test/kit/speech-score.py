#!/usr/bin/env python3
"""speech-score.py RATE REF.raw DEG.raw.. -> one line each: how intelligible it is, 0..1. Mono s16 files of the same rate.

STOI (Taal, Hendriks, Heusdens, Jensen 2011): likeness of the envelopes of 15 third-octave bands over 384 ms. Here each stretch
of 384 ms is looked for by itself near where the one before was found, because a jitter buffer makes sound longer and shorter:
what is judged is what was heard, not when. Needs numpy and scipy (Debian: python3-numpy python3-scipy)."""
import sys
import numpy as np
import scipy.signal as signal

FS, FRAME, HOP, FRAMES = 10000, 256, 128, 30
LENGTH = (FRAMES - 1) * HOP + FRAME
NEAR, ANYWHERE = FS // 4, FS  # how far a stretch is looked for: beside the last one, and at first


def bands():
    f = np.linspace(0, FS / 2, FRAME + 1)
    centres = 150 * 2 ** (np.arange(15) / 3)
    return np.array([(f >= c * 2 ** (-1 / 6)) & (f < c * 2 ** (1 / 6)) for c in centres]).astype(float)


BANDS, WINDOW = bands(), np.hanning(FRAME + 2)[1:-1]


def envelopes(x):
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::HOP] * WINDOW
    return np.sqrt(np.abs(np.fft.rfft(frames, 2 * FRAME, axis=1)) ** 2 @ BANDS.T).T


def find(piece, sound, around, reach):
    start = max(0, around - reach)
    where = sound[start:around + reach + len(piece)]
    if len(where) < len(piece):
        return None
    product = signal.fftconvolve(where, piece[::-1], 'valid')
    sums = np.cumsum(np.concatenate(([0], where ** 2)))
    energy = sums[len(piece):] - sums[:-len(piece)]
    return start + int(np.argmax(product / np.sqrt(energy + 1e-9)))


def score(reference, sound):
    level = lambda x: 10 * np.log10(np.mean(x ** 2) + 1e-12)
    starts = range(0, len(reference) - LENGTH, LENGTH // 3)
    loudest = max(level(reference[s:s + LENGTH]) for s in starts)
    lag, found = 0, []
    for s in starts:
        piece = reference[s:s + LENGTH]
        if level(piece) < loudest - 25:
            continue
        at = find(piece, sound, s + lag, ANYWHERE if not found else NEAR)
        if at is None:
            continue
        lag = at - s
        a, b = envelopes(piece), envelopes(sound[at:at + LENGTH])
        b = b * (np.linalg.norm(a, axis=1) / (np.linalg.norm(b, axis=1) + 1e-12))[:, None]
        b = np.minimum(b, a * (1 + 10 ** .75))
        a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
        found.append(np.mean((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-12)))
    return float(np.mean(found)) if found else 0.0


def read(path, rate):
    divisor = np.gcd(rate, FS)
    return signal.resample_poly(np.fromfile(path, '<i2').astype(float) / 32768, FS // divisor, rate // divisor)


if __name__ == '__main__':
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    rate, reference = int(sys.argv[1]), read(sys.argv[2], int(sys.argv[1]))
    for path in sys.argv[3:]:
        print(f'{score(reference, read(path, rate)):.4f}')
