/**
 * The echo canceller beside two libraries on the rooms of `test/kit/echo-room.py`: espeak-ng speech through seeded rooms with
 * drift, lost and inserted periods, a bent loudspeaker. Scored by that program. The libraries: libspeexdsp (by koffi; tail 128 ms,
 * with its preprocessor for the residual echo and noise) and WebRTC's of libwebrtc-audio-processing 0.3 (by `webrtc.cc`); one
 * that is absent is named and left out. Cost is processor time, the least of ten parts of a case.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { EchoCanceller, parseWav } from '../../src/audio/index.ts';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';
import { formatWav } from '../kit/wav.ts';
import { bench } from './figures.ts';

const RATE_HZ = 16_000;
const FRAME = RATE_HZ / 100;
const CASES = [
  ...['rt200', 'rt400', 'rt200-nl', 'rt200-5ppm', 'rt200-20ppm', 'rt200-100ppm', 'rt200-300ppm'],
  ...['rt200-bulk60', 'rt200-lost', 'rt200-jump20'],
];
const SPANS = ['0-1', '1-3', '3-10', '10-20', '20-22', '22-30', '46-59'];

type Frame = (microphone: Int16Array, far: Int16Array, out: Int16Array) => void;
type Engine = { name: string; make: () => { frame: Frame; done?: () => void } };
type Score = { erleDb: Record<string, number>; doubleTalk: { stoi: number; levelDb: number } };

const ours: Engine = {
  name: 'hailpoint',
  make: () => {
    const canceller = new EchoCanceller(RATE_HZ);
    return { frame: (microphone, far, out) => canceller.process(microphone, far, out) };
  },
};

function speex(): Engine | undefined {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libspeexdsp.so.1');
  } catch {
    console.log('speex: libspeexdsp.so.1 is missing (apt-get install libspeexdsp1): left out');
    return undefined;
  }
  const init = library.func('void *speex_echo_state_init(int frame, int filter)');
  const cancel = library.func('void speex_echo_cancellation(void *st, void *rec, void *play, void *out)');
  const control = library.func('int speex_echo_ctl(void *st, int request, void *ptr)');
  const destroy = library.func('void speex_echo_state_destroy(void *st)');
  const initAfter = library.func('void *speex_preprocess_state_init(int frame, int rate)');
  const controlAfter = library.func('int speex_preprocess_ctl(void *st, int request, void *ptr)');
  const run = library.func('int speex_preprocess_run(void *st, void *x)');
  const destroyAfter = library.func('void speex_preprocess_state_destroy(void *st)');
  return {
    name: 'speexdsp',
    make: () => {
      const echo = init(FRAME, 2048);
      control(echo, 24, new Int32Array([RATE_HZ])); // SPEEX_ECHO_SET_SAMPLING_RATE
      const after = initAfter(FRAME, RATE_HZ);
      controlAfter(after, 24, echo); // SPEEX_PREPROCESS_SET_ECHO_STATE
      return {
        frame: (microphone, far, out) => {
          cancel(echo, microphone, far, out);
          run(after, out);
        },
        done: () => {
          destroyAfter(after);
          destroy(echo);
        },
      };
    },
  };
}

function webrtc(directory: string): Engine | undefined {
  const shim = join(directory, 'webrtc.so');
  const flags = ['-DWEBRTC_AUDIO_PROCESSING_ONLY_BUILD', '-DWEBRTC_POSIX', '-I/usr/include/webrtc_audio_processing'];
  const source = join(checkout, 'test/bench/webrtc.cc');
  const gcc = spawnSync('g++', ['-O2', '-shared', '-fPIC', ...flags, source, '-o', shim, '-lwebrtc_audio_processing']);
  if (gcc.status !== 0) {
    console.log('webrtc: cannot be built (apt-get install g++ libwebrtc-audio-processing-dev, of Debian 12): left out');
    return undefined;
  }
  const library = koffi.load(shim);
  const create = library.func('void *apm_create(int hz)');
  const frame = library.func('void apm_frame(void *apm, int hz, void *far, void *microphone, void *out)');
  const destroy = library.func('void apm_destroy(void *apm)');
  return {
    name: 'webrtc 0.3',
    make: () => {
      const apm = create(RATE_HZ);
      return {
        frame: (microphone, far, out) => frame(apm, RATE_HZ, far, microphone, out),
        done: () => destroy(apm),
      };
    },
  };
}

await bench(async (cleaner) => {
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const tool = join(checkout, 'test/kit/echo-room.py');
  const made = spawnSync('python3', [tool, 'make', path], { encoding: 'utf8' });
  if (made.status !== 0) {
    console.log('echo: not measured (apt-get install python3-numpy python3-scipy espeak-ng)');
    console.log(made.stderr?.trim().split('\n').at(-1) ?? made.error?.message);
    return;
  }
  const engines = [ours, speex(), webrtc(path)].filter((engine) => engine !== undefined);
  const read = (name: string) => parseWav(readFileSync(join(path, `${name}.wav`))).samples;
  console.log(`ERLE, dB, in seconds ${SPANS.join(', ')}; near voice in double talk: STOI, level; cost of 10 ms`);
  for (const name of CASES) {
    const [microphone, far] = [read(`${name}_mic`), read(`${name}_far`)];
    for (const engine of engines) {
      const out = new Int16Array(microphone.length);
      const costUs = cost(engine, microphone, far, out);
      const file = join(path, 'out.wav');
      writeFileSync(file, formatWav(out, RATE_HZ));
      const scored = spawnSync('python3', [tool, 'score', path, name, file], { encoding: 'utf8' });
      if (scored.status !== 0) throw new Error(scored.stderr);
      const { erleDb, doubleTalk } = JSON.parse(scored.stdout) as Score;
      const spans = SPANS.map((span) => erleDb[span].toFixed(0).padStart(3)).join(' ');
      const near = `${doubleTalk.stoi.toFixed(3)} ${doubleTalk.levelDb.toFixed(1).padStart(5)} dB`;
      console.log(
        `${name.padEnd(14)} ${engine.name.padEnd(11)} ${spans}   ${near}   ${costUs.toFixed(0).padStart(4)} µs`,
      );
    }
  }
});

/** Runs all of a case; µs of processor per frame, in the tenth of it that took least. */
function cost(engine: Engine, microphone: Int16Array, far: Int16Array, out: Int16Array): number {
  const { frame, done } = engine.make();
  const frames = Math.floor(microphone.length / FRAME);
  const part = Math.floor(frames / 10);
  let least = Number.POSITIVE_INFINITY;
  for (let from = 0; from < frames; from += part) {
    const to = Math.min(frames, from + part);
    const start = process.cpuUsage();
    for (let i = from * FRAME; i < to * FRAME; i += FRAME)
      frame(microphone.subarray(i, i + FRAME), far.subarray(i, i + FRAME), out.subarray(i, i + FRAME));
    if (to - from === part) {
      const { user, system } = process.cpuUsage(start);
      least = Math.min(least, (user + system) / part);
    }
  }
  done?.();
  return least;
}
