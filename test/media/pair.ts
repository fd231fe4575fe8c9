/** Two terminals of this process that call each other over loopback, and what they report. */
import { after } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import {
  createMediaEngine,
  type Direction,
  type MediaConfig,
  type MediaEngine,
  type MediaEvent,
  type MediaStream,
  type SocketAddress,
  type StreamConfig,
} from '../../src/media/index.ts';
import { Inbox } from '../kit/wait.ts';

/** Those that run: what a test that failed has left is ended with its file, or it would run until the file's limit. */
const running = new Set<Terminal>();
after(async () => {
  await Promise.all([...running].map((terminal) => terminal.end()));
});

export class Terminal {
  readonly engine: MediaEngine;
  readonly stream: MediaStream;
  readonly events = new Inbox<MediaEvent>();

  constructor(sound: MediaConfig['sound'], host: string, more: Partial<MediaConfig> = {}) {
    this.engine = createMediaEngine({ sound, volume: 100, ...more }, silentLogger);
    this.engine.onEvent((event) => this.events.put(event));
    this.stream = this.engine.open(host);
    running.add(this);
  }

  /** Settles the stream as a call would, both halves audible as far as the direction allows. */
  talk(remote: SocketAddress, direction: Direction = 'sendrecv', more: Partial<StreamConfig> = {}): void {
    this.stream.configure(streamConfig(remote, direction, more));
    this.stream.audible(true, true);
  }

  /** Its thread runs: the files of its sound begin with what happens from now on. */
  async ready(): Promise<void> {
    await this.event('sound');
  }

  /** The event of that type that came, or will within `limitMs`. */
  async event<T extends MediaEvent['type']>(type: T, limitMs = 3000): Promise<Extract<MediaEvent, { type: T }>> {
    const event = await this.events.take(`the media event ${type}`, limitMs, (item) => item.type === type);
    return event as Extract<MediaEvent, { type: T }>;
  }

  async end(): Promise<void> {
    running.delete(this);
    this.stream.close();
    await this.engine.stop();
  }
}

export const pcma = { encoding: 'PCMA', payloadType: 8, clockRateHz: 8000, channels: 1 };
export const g722 = { encoding: 'G722', payloadType: 9, clockRateHz: 8000, channels: 1 };
export const opus = { encoding: 'OPUS', payloadType: 96, clockRateHz: 48_000, channels: 2, opus: { fec: true } };
export const l16 = { encoding: 'L16', payloadType: 97, clockRateHz: 16_000, channels: 1 };
export const pcmu = { encoding: 'PCMU', payloadType: 0, clockRateHz: 8000, channels: 1 };

export function streamConfig(
  remote: SocketAddress,
  direction: Direction = 'sendrecv',
  more: Partial<StreamConfig> = {},
): StreamConfig {
  return {
    direction,
    remote,
    codec: pcma,
    dtmfPayloadType: 101,
    packetMs: 20,
    buffer: { kind: 'adaptive', minMs: 20, maxMs: 200 },
    ...more,
  };
}

/** A steady tone, s16. */
export function sine(hz: number, seconds: number, rateHz: number, level = 0.25): Int16Array {
  return Int16Array.from({ length: seconds * rateHz }, (_, i) =>
    Math.round(32767 * level * Math.sin((2 * Math.PI * hz * i) / rateHz)),
  );
}

/** Something with the envelope of speech: syllables of a buzzing voice, never the same twice. Seeded. */
export function babble(seconds: number, rateHz: number): Int16Array {
  let seed = 12345;
  const random = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const samples = new Int16Array(seconds * rateHz);
  let at = 0;
  while (at < samples.length) {
    const length = Math.round((0.08 + 0.2 * random()) * rateHz);
    const level = 0.05 + 0.25 * random();
    const pitchHz = 100 + 80 * random();
    for (let i = 0; i < length && at + i < samples.length; i++) {
      const phase = (2 * Math.PI * pitchHz * i) / rateHz;
      const buzz = Math.sin(phase) + 0.6 * Math.sin(2 * phase) + 0.5 * Math.sin(5 * phase) + 0.3 * Math.sin(9 * phase);
      samples[at + i] = Math.round(32767 * level * 0.5 * Math.sin((Math.PI * i) / length) * buzz);
    }
    at += length + Math.round((random() < 0.2 ? 0.35 : 0.04) * rateHz);
  }
  return samples;
}
