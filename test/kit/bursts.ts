/**
 * Latency by ear: short bursts of tone are spoken into one card and heard at two PCMs of virtual cards; the difference of their
 * arrival is what lies between. Both ends are read by the same loop, so the way through the test kit itself cancels out.
 */
import { loadAlsa } from '../../src/io/soundcard/alsa-library.ts';
import { closePcm, type OpenPcm, openPcm } from '../../src/io/soundcard/index.ts';

const BURST_MS = 10;
const BURST_HZ = 1000;
/** Of full scale: well above anything but the burst. */
const THRESHOLD = 0.08;

/** `count` bursts, one every `everyMs`, as samples for a WAV file. */
export function burstSamples(count: number, everyMs: number, rateHz: number): Int16Array {
  const samples = new Int16Array((count * everyMs * rateHz) / 1000);
  const length = (BURST_MS * rateHz) / 1000;
  for (let burst = 0; burst < count; burst++) {
    const start = Math.round(((burst + 0.5) * everyMs * rateHz) / 1000);
    for (let i = 0; i < length; i++)
      samples[start + i] = Math.round(20000 * Math.sin((2 * Math.PI * BURST_HZ * i) / rateHz));
  }
  return samples;
}

/** Captures one PCM and notes when bursts begin. */
export class BurstEar {
  readonly #pcm: OpenPcm;
  readonly #frames = new Int16Array(4800);
  readonly #onsets: number[] = [];
  #read = 0;
  #quiet = 0;
  #offsetMs = Number.POSITIVE_INFINITY;

  constructor(pcm: OpenPcm) {
    this.#pcm = pcm;
  }

  static async open(device: string): Promise<BurstEar> {
    const pcm = await openPcm('microphone', device, 5);
    loadAlsa().start(pcm.pcm);
    return new BurstEar(pcm);
  }

  /** To be called every few milliseconds. */
  poll(): void {
    const { pcm, rateHz } = this.#pcm;
    for (;;) {
      const count = Number(loadAlsa().read(pcm, this.#frames, this.#frames.length));
      if (count <= 0) return;
      for (let i = 0; i < count; i++) {
        const loud = Math.abs(this.#frames[i]) > THRESHOLD * 32768;
        if (loud && this.#quiet > rateHz / 10) this.#onsets.push(this.#read + i);
        this.#quiet = loud ? 0 : this.#quiet + 1;
      }
      this.#read += count;
      // The block that came with the least delay tells when frame 0 was.
      this.#offsetMs = Math.min(this.#offsetMs, performance.now() - (this.#read * 1000) / rateHz);
    }
  }

  /** When each burst began, `performance.now()`. */
  get onsetsMs(): number[] {
    return this.#onsets.map((frame) => this.#offsetMs + (frame * 1000) / this.#pcm.rateHz);
  }

  async close(): Promise<void> {
    await closePcm(this.#pcm.pcm);
  }
}

/** For each onset of `from` the time to the next one of `to` within `limitMs`. */
export function delaysMs(from: readonly number[], to: readonly number[], limitMs: number): number[] {
  return from.flatMap((at) => {
    const heard = to.find((later) => later > at - 5 && later < at + limitMs);
    return heard === undefined ? [] : [heard - at];
  });
}
