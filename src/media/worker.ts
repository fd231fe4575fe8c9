/** Entry of the media thread: builds its card and runs the loop. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks'; // the global of that name is looked up at each call
import { setFlagsFromString } from 'node:v8';
import { workerData } from 'node:worker_threads';
import { Resampler } from '../audio/index.ts';
import type { Random } from '../base/index.ts';
import { AlsaCard, type AlsaDoor, FileCard, loadAlsa, NoCard, type SoundCard } from '../io/soundcard/index.ts';
import { KernelClock } from '../rtp/multicast.ts';
import { type FromWorker, soundRateHz, type WorkerData } from './protocol.ts';
import { becomeRealTime } from './real-time.ts';
import { MediaThread } from './thread.ts';
import { handsfreeDefaults } from './types.ts';

const { config, wake, port } = workerData as WorkerData;
const { sound } = config;
const say = (message: FromWorker): void => port.postMessage(message);
/** The same clock in every media thread: one that goes on with a stream knows how long nothing was sent. */
const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
const now = (): number => originMs + performance.now();

const random: Random = {
  token: () => randomBytes(12).toString('hex'),
  uint32: () => randomBytes(4).readUInt32LE(),
};

// What runs a hundred times a second is called often, not hot: V8 would be a minute in finding out. 14 s into a G.711 call with the
// sound untouched this is 5.1 % of a processor instead of 7.0. It is of the whole process, and costs 2 MB at most.
setFlagsFromString('--interrupt-budget=16896');

const realTime = becomeRealTime();
if (!realTime) {
  const mend = 'LimitRTPRIO=60 in the unit, or CAP_SYS_NICE';
  say({ kind: 'log', level: 'info', message: 'no real-time priority for the sound', fields: { mend } });
}
const card = makeCard();
const rateHz = soundRateHz(config);
const thread: MediaThread = new MediaThread({
  port,
  wake: new Int32Array(wake),
  card,
  rateHz,
  handsfree: config.handsfree ?? handsfreeDefaults(config.volume),
  verifyPages: config.verifyPages === true,
  releaseMs: sound.driver === 'alsa' ? sound.releaseMs : undefined,
  country: config.country,
  realTime,
  random,
  now,
});
thread.run();
port.close();

function makeCard(): SoundCard {
  switch (sound.driver) {
    case 'none':
      return new NoCard();
    case 'file':
      return new FileCard({ ...sound, now, onBegin: recordingBegins });
    case 'alsa':
      return makeAlsaCard(sound);
  }
}

/** For who compares the recordings of several terminals. */
function recordingBegins(atMs: number): void {
  const unixMs = new KernelClock().ahead(now, Number.NaN) + atMs;
  say({ kind: 'log', level: 'debug', message: 'the recording begins', fields: { unixMs } });
}

function makeAlsaCard({ speaker, microphone, fallback, rateHz }: Extract<typeof sound, { driver: 'alsa' }>): SoundCard {
  try {
    loadAlsa();
  } catch (error) {
    return new NoCard('alsa', (error as Error).message);
  }
  const door: AlsaDoor = {
    open: (half, device, attempt) => say({ kind: 'open-pcm', half, device, attempt }),
    close: (half, device, pcm) => say({ kind: 'close-pcm', half, device, pcm }),
  };
  const options = {
    speaker,
    microphone,
    fallback,
    rateHz,
    prefill: realTime ? 2 : 3,
    resampler: (fromHz: number, toHz: number) => new Resampler(fromHz, toHz),
    now,
    sleep: (ms: number) => thread.sleep(ms),
  };
  return new AlsaCard(options, door);
}
