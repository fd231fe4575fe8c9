/**
 * The sound of one sender, laid out by its time stamps: packets go in as they come, any moment of it can be read once its turn has
 * come, at any pace. Unlike a jitter buffer it has no delay of its own: who reads says which moment is due.
 */
import { Concealer, type Decoder, type Interpolator } from '../audio/index.ts';
import { MAX_PAYLOAD_BYTES } from '../rtp/index.ts';

/** So much of what was decoded is kept, for reading and for a step back. */
const KEPT_MS = 750;
/** The longest packet that is taken. */
const MAX_PACKET_MS = 200;
/** What is made up for missing sound ends here. */
const MAX_CONCEALED_MS = 100;
/** A leap ahead further than this is not decoded through. */
const MAX_CATCH_UP_MS = 300;
/** Packets that come early than they are due by more than the delay. */
const SPARE_MS = 300;
const SHORTEST_PACKET_MS = 10;
/** Remembered starts of what was decoded: what comes again is no late packet. */
const PLAYED = 64;
const CHUNK_MS = 10;

export type TapePut = 'stored' | 'late' | 'duplicate' | 'unreadable';

interface Slot {
  used: boolean;
  /** First sample. */
  start: number;
  samples: number;
  length: number;
  payload: Uint8Array;
}

export class Tape {
  readonly #decoder: Decoder;
  readonly #samplesPerTick: number;
  readonly #concealer: Concealer;
  readonly #interpolator: Interpolator;
  readonly #ring: Int16Array;
  readonly #decoded: Int16Array;
  readonly #slots: Slot[] = [];
  readonly #played = new Float64Array(PLAYED).fill(Number.NaN);
  #playedAt = 0;
  /** Decoded up to here; NaN: nothing yet. */
  #head = Number.NaN;
  #talking = false;
  #concealedInARow = 0;
  /** Behind the last sample of what has come. */
  #end = Number.NEGATIVE_INFINITY;
  packetsReceived = 0;
  packetsLate = 0;
  lostMs = 0;

  /** `clockRateHz`: of the time stamps; `interpolator`: from the decoder's rate; `delayMs`: how long packets wait here. */
  constructor(decoder: Decoder, clockRateHz: number, interpolator: Interpolator, delayMs: number) {
    const { rateHz } = decoder;
    this.#decoder = decoder;
    this.#samplesPerTick = rateHz / clockRateHz;
    this.#concealer = new Concealer(rateHz);
    this.#interpolator = interpolator;
    this.#ring = new Int16Array(2 ** Math.ceil(Math.log2((rateHz * KEPT_MS) / 1000)));
    this.#decoded = new Int16Array((rateHz * MAX_PACKET_MS) / 1000);
    const slots = Math.ceil((delayMs + SPARE_MS) / SHORTEST_PACKET_MS);
    for (let i = 0; i < slots; i++)
      this.#slots.push({ used: false, start: 0, samples: 0, length: 0, payload: new Uint8Array(MAX_PAYLOAD_BYTES) });
  }

  /** Samples per second of what is read. */
  get rateHz(): number {
    return this.#decoder.rateHz;
  }

  sampleOf(ticks: number): number {
    return ticks * this.#samplesPerTick;
  }

  /** Everything that has come lies before this sample. */
  get end(): number {
    return this.#end;
  }

  /** Keeps a payload whose first sample is `ticks`. */
  put(ticks: number, bytes: Uint8Array, offset: number, length: number): TapePut {
    const samples = length > MAX_PAYLOAD_BYTES ? 0 : this.#decoder.samplesIn(bytes, offset, length);
    if (samples <= 0 || samples > this.#decoded.length) return 'unreadable';
    const start = Math.round(ticks * this.#samplesPerTick);
    if (start < this.#head) {
      if (this.#played.includes(start)) return 'duplicate';
      // What is left of a packet that comes a little too late is still played.
      this.packetsLate++;
      if (start + samples <= this.#head) return 'late';
    }
    let slot: Slot | undefined;
    for (let i = 0; i < this.#slots.length; i++) {
      const one = this.#slots[i];
      if (one.used && one.start === start) return 'duplicate';
      // The newest gives way when there is no room: it is the furthest from being heard.
      if (slot === undefined || (slot.used && (!one.used || one.start > slot.start))) slot = one;
    }
    if (slot === undefined || (slot.used && slot.start < start)) return 'late';
    slot.used = true;
    slot.start = start;
    slot.samples = samples;
    slot.length = length;
    for (let i = 0; i < length; i++) slot.payload[i] = bytes[offset + i];
    this.#end = Math.max(this.#end, start + samples);
    this.packetsReceived++;
    return 'stored';
  }

  /** `into` from the sample `position` on, each `step` after the one before. True when some of it really came. */
  read(into: Int16Array, count: number, position: number, step: number): boolean {
    const { half } = this.#interpolator;
    const last = Math.ceil(position + count * step) + half;
    this.#decodeTo(last);
    this.#interpolator.read(this.#ring, position, step, into, count);
    return this.#talking && this.#concealedInARow === 0 && position < this.#end;
  }

  #decodeTo(to: number): void {
    if (Number.isNaN(this.#head)) {
      const first = this.#first();
      if (first === undefined || first.start >= to) return; // silence goes before
      this.#head = first.start;
    }
    if (to - this.#head > (MAX_CATCH_UP_MS * this.rateHz) / 1000) this.#leap(to);
    while (this.#head < to) {
      const slot = this.#first();
      const gap = slot === undefined ? Number.POSITIVE_INFINITY : slot.start - this.#head;
      if (slot !== undefined && gap <= 0) this.#decode(slot);
      else this.#fill(gap, to, slot);
    }
  }

  /** What lies between is not heard. */
  #leap(to: number): void {
    const head = to - (CHUNK_MS * this.rateHz) / 1000;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i];
      if (slot.start + slot.samples <= head) slot.used = false;
    }
    this.#ring.fill(0);
    this.#talking = false;
    const first = this.#first();
    this.#head = first !== undefined && first.start < head ? first.start : head;
  }

  #decode(slot: Slot): void {
    slot.used = false;
    const overlap = Math.max(0, this.#head - slot.start);
    this.#played[this.#playedAt++ % PLAYED] = slot.start;
    const count = this.#decoder.decode(slot.payload, 0, slot.length, this.#decoded, 0);
    if (count === 0 || overlap >= count) return;
    if (this.#decoder.concealsMs === 0) this.#concealer.good(this.#decoded, overlap, count - overlap);
    this.#talking = true;
    this.#concealedInARow = 0;
    this.#write(overlap, count - overlap);
  }

  /** `gap` samples are missing; some of them at a time are made up, no further than `to` when nothing lies behind them. */
  #fill(gap: number, to: number, next: Slot | undefined): void {
    const chunk = (CHUNK_MS * this.rateHz) / 1000;
    const count = Math.min(gap, next === undefined ? Math.min(chunk, to - this.#head) : chunk);
    if (next !== undefined) this.lostMs += (count * 1000) / this.rateHz;
    if (next !== undefined && gap === count && this.#recover(next, count)) return;
    const limit = Math.max(MAX_CONCEALED_MS, this.#decoder.concealsMs) * (this.rateHz / 1000);
    if (this.#talking && this.#concealedInARow < limit) {
      const by = this.#decoder.concealsMs > 0 ? this.#decoder : this.#concealer;
      by.conceal(this.#decoded, 0, count);
      this.#concealedInARow += count;
    } else {
      this.#talking = false;
      this.#decoded.fill(0, 0, count);
    }
    this.#write(0, count);
  }

  #recover(next: Slot, count: number): boolean {
    if (!this.#talking || !this.#decoder.recover(next.payload, 0, next.length, this.#decoded, 0, count)) return false;
    this.#write(0, count);
    return true;
  }

  #write(from: number, count: number): void {
    const mask = this.#ring.length - 1;
    for (let i = 0; i < count; i++) this.#ring[(this.#head + i) & mask] = this.#decoded[from + i];
    this.#head += count;
  }

  #first(): Slot | undefined {
    let first: Slot | undefined;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i];
      if (slot.used && (first === undefined || slot.start < first.start)) first = slot;
    }
    return first;
  }
}
