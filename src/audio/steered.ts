/**
 * A resampler whose ratio can be moved a little while it runs: the clock of who speaks and that of the sound card differ by some
 * parts in a million, and the sound is stretched by as much. The filter is that of `Resampler`, taken at any phase by a
 * straight line between the two nearest of its rows; nothing jumps when the ratio changes.
 */
import { fir, MOST_IN, MOST_OUT, padded, paddedTaps } from './fir.ts';
import { design, tapsFor } from './resampler.ts';

/** Rows from one sample of the lower rate to the next; the line between two misses by -82 dB at the band's edge. */
const PHASES = 128;
/** Filters are the same for all streams of the same rates; so many are kept. */
const MAX_FILTERS = 8;
/** Far more than clocks differ. */
const MAX_STEER_PPM = 1000;

const filters = new Map<string, Float32Array>();

export class SteeredResampler {
  readonly #ratio: number;
  readonly #phases: number;
  readonly #width: number;
  readonly #filter: Float32Array;
  /** The last samples, as many as a row has taps. */
  readonly #past: Float32Array;
  /** `position` of the next sample that comes out, in input samples after the middle of the window; `step` from one to the next. */
  readonly #state = new Float64Array(2);

  constructor(fromHz: number, toHz: number) {
    this.#ratio = fromHz / toHz;
    this.#phases = Math.ceil(PHASES * Math.min(1, toHz / fromHz));
    const taps = tapsFor(fromHz, toHz);
    this.#width = paddedTaps(taps);
    this.#filter = filterFor(fromHz, toHz, this.#phases, taps);
    this.#past = new Float32Array(this.#width);
    this.#state[1] = this.#ratio;
  }

  /** Above 0: what goes in is used up faster by `ppm`, so that less comes out. */
  steer(ppm: number): void {
    const held = Math.max(-MAX_STEER_PPM, Math.min(MAX_STEER_PPM, ppm));
    this.#state[1] = this.#ratio * (1 + held * 1e-6);
  }

  /** The most that `process` writes for `count` samples. */
  maxOutput(count: number): number {
    return Math.ceil((count / this.#ratio) * (1 + MAX_STEER_PPM * 1e-6)) + 1;
  }

  /** `count` samples from `input` at `from`; writes to `output` at `to` and returns how many. */
  process(input: Int16Array, from: number, count: number, output: Int16Array, to: number): number {
    const most = Math.min(MOST_IN - this.#width, Math.floor(0.99 * MOST_OUT * this.#ratio));
    let written = to;
    for (let done = 0; done < count; done += most)
      written += this.#some(input, from + done, Math.min(most, count - done), output, written);
    return written - to;
  }

  /** No more than fits. */
  #some(input: Int16Array, from: number, count: number, output: Int16Array, to: number): number {
    const phases = this.#phases;
    const filter = fir();
    filter.begin(this.#filter, this.#width);
    filter.feed(this.#past, input, from, count);
    const step = this.#state[1];
    let position = this.#state[0];
    for (let i = 0; i < count; i++) {
      for (; position < 1; position += step) {
        const phase = position * phases;
        const row = Math.floor(phase);
        filter.next(i + 1, row, phase - row);
      }
      position -= 1;
    }
    this.#state[0] = position;
    const made = filter.between();
    filter.drain(this.#past, count, made, output, to);
    return made;
  }
}

function filterFor(fromHz: number, toHz: number, phases: number, taps: number): Float32Array {
  const name = `${fromHz} ${toHz}`;
  let filter = filters.get(name);
  if (filter === undefined) {
    // One row more than there are phases: the last one's neighbour.
    filter = padded(design(phases + 1, phases, taps, fromHz, toHz), taps);
    if (filters.size < MAX_FILTERS) filters.set(name, filter);
  }
  return filter;
}
