/**
 * What the loudspeaker played while the microphone recorded: the two sides of an echo. Both are counted in samples; how far
 * apart the counts are is measured by the card's delays, each of which is only as exact as its driver, so the middle of many
 * decides, and is kept until the card says that it began anew. Works at the engine's rate; allocates nothing per frame.
 */
import type { CardTiming } from '../io/soundcard/index.ts';

/** The echo comes so much later than the reference: by a few ms, for a canceller cannot look ahead. */
const LEAD_MS = 8;
/** What is remembered of the loudspeaker: more than any card holds. */
const MEMORY_MS = 1000;
/** Measures from which the distance is told: first a rough one, then the middle of many. */
const ROUGH = 8;
const FINE = 64;
/** Further off than this it is corrected while it runs: two clocks, or a driver that learns its delay. */
const TOLERANCE_MS = 3;

/** What the canceller must know: nothing, that nothing is as it was, or that the reference is now `moved` samples later. */
export type Alignment = 'kept' | 'broken' | 'moved';

export class Reference {
  readonly #ring: Int16Array;
  readonly #frameSamples: number;
  readonly #lead: number;
  readonly #tolerance: number;
  /** Samples the loudspeaker was given, and the microphone gave. */
  #written = 0;
  #read = 0;
  /** Sample `i` of the microphone heard sample `i + #distance` of the loudspeaker; NaN: unknown. */
  #distance = Number.NaN;
  /** Measured since the last look, as deviations from `#base`. */
  readonly #measures = new Float64Array(FINE);
  readonly #sorted = new Float64Array(FINE);
  #base = 0;
  #measured = 0;
  #rough = true;
  #writtenBefore = 0;
  #breaks = -1;
  #shift = 0;
  /** By the last `moved`: samples, above 0 when the reference comes earlier now. */
  moved = 0;

  constructor(rateHz: number) {
    this.#frameSamples = rateHz / 100;
    this.#ring = new Int16Array((rateHz * MEMORY_MS) / 1000);
    this.#lead = Math.round((rateHz * LEAD_MS) / 1000);
    this.#tolerance = (rateHz * TOLERANCE_MS) / 1000;
  }

  /** The distance is known, so what `take` gives is what was heard. */
  get aligned(): boolean {
    return !Number.isNaN(this.#distance);
  }

  /** 10 ms for the loudspeaker. */
  put(frame: Int16Array): void {
    const { length } = this.#ring;
    for (let i = 0, at = this.#written % length; i < frame.length; i++) {
      this.#ring[at] = frame[i];
      if (++at === length) at = 0;
    }
    this.#written += frame.length;
  }

  /**
   * After this tick's `read` and `write`: fills `into` with what goes with the 10 ms of the microphone. `heard`: what `read`
   * said; without, nothing is taken.
   */
  take(into: Int16Array, timing: Readonly<CardTiming>, heard: boolean): Alignment {
    const alignment = this.#look(timing, heard);
    if (!heard) return alignment;
    this.#read += this.#frameSamples;
    if (!this.aligned) {
      into.fill(0);
      return alignment;
    }
    const { length } = this.#ring;
    const first = this.#read - this.#frameSamples + this.#distance + this.#lead;
    for (let i = 0; i < into.length; i++) {
      const at = first + i;
      into[i] = at < 0 || at >= this.#written || at < this.#written - length ? 0 : this.#ring[at % length];
    }
    return alignment;
  }

  #look(timing: Readonly<CardTiming>, heard: boolean): Alignment {
    let shift = timing.captureShift - this.#shift;
    this.#shift = timing.captureShift;
    // A tick without sound is not counted here, and its silence not either.
    if (!heard && shift >= this.#frameSamples) shift -= this.#frameSamples;
    // Samples that were dropped or put in are known to the sample: nothing changes for the canceller.
    if (shift !== 0) {
      this.#distance -= Math.round(shift);
      this.#base -= Math.round(shift);
    }
    const breaks = timing.playBreaks + timing.captureBreaks;
    const broken = breaks !== this.#breaks;
    if (broken) {
      this.#breaks = breaks;
      this.#measured = 0;
      this.#rough = true;
    }
    const wrote = this.#written - this.#writtenBefore;
    this.#writtenBefore = this.#written;
    // Only where one frame came in and one went out do the delays speak of these two.
    const moved = heard && wrote === this.#frameSamples && this.#measure(timing);
    if (moved && this.#rough) {
      this.#rough = false;
      return 'broken';
    }
    return broken ? 'broken' : moved ? 'moved' : 'kept';
  }

  /** True when the distance is another one now. */
  #measure(timing: Readonly<CardTiming>): boolean {
    const played = this.#written - this.#frameSamples - timing.playDelay;
    const distance = played - timing.captureDelay - (this.#read + this.#frameSamples);
    if (this.#measured === 0) this.#base = Math.round(distance);
    if (!this.aligned) this.#distance = Math.round(distance);
    this.#measures[this.#measured++] = distance - this.#base;
    if (this.#measured < (this.#rough ? ROUGH : FINE)) return false;
    const middle = Math.round(this.#base + this.#median(this.#measured));
    this.#measured = 0;
    const moved = middle - this.#distance;
    if (!this.#rough && Math.abs(moved) <= this.#tolerance) return false;
    this.moved = Number.isNaN(moved) ? 0 : moved;
    this.#distance = middle;
    return true;
  }

  #median(count: number): number {
    const sorted = this.#sorted;
    for (let i = 0; i < count; i++) {
      const value = this.#measures[i];
      let j = i;
      for (; j > 0 && sorted[j - 1] > value; j--) sorted[j] = sorted[j - 1];
      sorted[j] = value;
    }
    return sorted[count >> 1];
  }
}
