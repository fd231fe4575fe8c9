/** What the main thread and the media thread say to each other. Either only posts; neither waits for an answer. */
import type { MessagePort } from 'node:worker_threads';
import type { LogFields } from '../base/index.ts';
import type { Half, OpenPcm } from '../io/soundcard/index.ts';
import type { ToPages } from './pages-thread.ts';
import type { Keyed } from './shield.ts';
import type { HandsfreeStatus, MediaConfig, MediaEvent, StreamConfig, ToneName } from './types.ts';

export interface WorkerData {
  config: MediaConfig;
  /** Three Int32: one counted up and notified with every message, so that a sleeping thread wakes; the thread's own `BEAT`; and `RETIRED`. */
  wake: SharedArrayBuffer;
  port: MessagePort;
}

export type ToWorker =
  /** `numbers`: see `Numbers`. `before`: what another thread has last said to be `keyed`. */
  | { kind: 'open'; stream: string; rtpFd: number; rtcpFd: number; numbers: SharedArrayBuffer; before?: Keyed }
  | { kind: 'configure'; stream: string; config: StreamConfig }
  | { kind: 'audible'; stream: string; speaker: boolean; microphone: boolean; ducked: boolean }
  | { kind: 'digits'; stream: string; digits: string }
  | { kind: 'say'; stream: string; samples: Int16Array; rateHz: number }
  | { kind: 'close'; stream: string }
  | { kind: 'record'; recording: string; stream?: string }
  | { kind: 'stop-recording'; recording: string }
  | { kind: 'tone'; tone: ToneName; on: boolean }
  | { kind: 'play'; sound: string; samples: Int16Array; rateHz: number }
  | { kind: 'stop-playing'; sound: string }
  | { kind: 'volume'; percent: number }
  | { kind: 'ceiling'; percent: number }
  | { kind: 'prepare' }
  | { kind: 'measure'; measure: string; levelDbfs: number }
  | { kind: 'stop-measuring' }
  | { kind: 'pcm-opened'; half: Half; attempt: number; device: string; pcm: OpenPcm }
  | { kind: 'pcm-failed'; half: Half; attempt: number; reason: string }
  | { kind: 'cards-changed'; speaker: boolean; microphone: boolean }
  | ToPages
  | { kind: 'stop' };

export type FromWorker =
  | { kind: 'event'; event: MediaEvent }
  | { kind: 'keyed'; stream: string; keyed: Keyed }
  | { kind: 'log'; level: 'debug' | 'info' | 'warn'; message: string; fields?: LogFields }
  | { kind: 'open-pcm'; half: Half; device: string; attempt: number }
  | { kind: 'close-pcm'; half: Half; device: string; pcm: OpenPcm }
  | { kind: 'handsfree'; status: HandsfreeStatus }
  | { kind: 'recorded'; recording: string; samples: Int16Array; rateHz: number; final: boolean }
  | { kind: 'stopped' };

/** Of the engine, where no card says otherwise. */
const DEFAULT_RATE_HZ = 16000;

/** At which the streams and the mixer run. */
export const soundRateHz = ({ sound }: MediaConfig): number => sound.rateHz ?? DEFAULT_RATE_HZ;
