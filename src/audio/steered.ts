/**
 * A resampler whose ratio can be moved a little while it runs: the clock of who speaks and that of the sound card differ by some
 * parts in a million, and the sound is stretched by as much. The filter is that of `Resampler`, taken at any phase by a
 * straight line between the two nearest of its rows; nothing jumps when the ratio changes.
 */
import { design, tapsFor } from './resampler.ts';

/** Rows from one sample of the lower rate to the next; the line between two misses by -82 dB at the band's edge. */
const PHASES = 128;
/** Filters are the same for all streams of the same rates; so many are kept. */
const MAX_FILTERS = 8;
/** Far more than clocks differ. */
const MAX_STEER_PPM = 1000;

const filters = new Map<string, Float64Array>();

export class SteeredResampler {
  readonly #ratio: number;
  readonly #phases: number;
  readonly #taps: number;
  readonly #filter: Float64Array;
  /** The last `taps` samples, twice over, so that a window never wraps. */
  readonly #past: Float64Array;
  /** `position` of the next sample that comes out, in input samples after the middle of the window; `step` from one to the next. */
  readonly #state = new Float64Array(2);
  #at = 0;

  constructor(fromHz: number, toHz: number) {
    this.#ratio = fromHz / toHz;
    this.#phases = Math.ceil(PHASES * Math.min(1, toHz / fromHz));
    this.#taps = tapsFor(fromHz, toHz);
    this.#filter = filterFor(fromHz, toHz, this.#phases, this.#taps);
    this.#past = new Float64Array(2 * this.#taps);
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
    const taps = this.#taps;
    const phases = this.#phases;
    const past = this.#past;
    const filter = this.#filter;
    const step = this.#state[1];
    let position = this.#state[0];
    let newest = this.#at;
    let written = to;
    for (let i = 0; i < count; i++) {
      past[newest] = past[newest + taps] = input[from + i];
      if (++newest === taps) newest = 0;
      for (; position < 1; position += step) {
        const phase = position * phases;
        const row = Math.floor(phase);
        const share = phase - row;
        // The two rows side by side; two sums each (`taps` is a multiple of four), as one would wait for each addition.
        let low0 = 0;
        let low1 = 0;
        let high0 = 0;
        let high1 = 0;
        for (let k = row * taps, j = newest; j < newest + taps; k += 2, j += 2) {
          low0 += past[j] * filter[k];
          low1 += past[j + 1] * filter[k + 1];
          high0 += past[j] * filter[k + taps];
          high1 += past[j + 1] * filter[k + taps + 1];
        }
        const sum = (low0 + low1) * (1 - share) + (high0 + high1) * share;
        output[written++] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
      }
      position -= 1;
    }
    this.#at = newest;
    this.#state[0] = position;
    return written - to;
  }
}

function filterFor(fromHz: number, toHz: number, phases: number, taps: number): Float64Array {
  const name = `${fromHz} ${toHz}`;
  let filter = filters.get(name);
  if (filter === undefined) {
    // One row more than there are phases: the last one's neighbour.
    filter = design(phases + 1, phases, taps, fromHz, toHz);
    if (filters.size < MAX_FILTERS) filters.set(name, filter);
  }
  return filter;
}
