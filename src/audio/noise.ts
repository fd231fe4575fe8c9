/** The noise of a place out of a voice where there is no echo to cancel: the canceller's suppressor, without any. */
import { Suppressor } from './echo/suppressor.ts';
import { type Floats, VectorFft } from './vectors.ts';

/** A place that falls silent sounds like a broken line: so much lower, not away. */
const REDUCTION_DB = 14;

export class NoiseSuppressor {
  readonly #suppressor: Suppressor;
  readonly #voice: Floats;
  readonly #echo: Floats;
  readonly #residual: Floats;

  /** Frames of 10 ms at `rateHz`. */
  constructor(rateHz: number) {
    const frame = rateHz / 100;
    const fft = new VectorFft(2 * frame);
    this.#suppressor = new Suppressor(fft, rateHz, REDUCTION_DB);
    this.#voice = fft.floats(frame);
    this.#echo = fft.floats(frame);
    this.#residual = fft.floats(fft.stride);
  }

  /** 10 ms of mono s16, in place; what comes out is 4 ms late. */
  process(frame: Int16Array): void {
    this.#voice.set(frame);
    this.#suppressor.process(this.#voice, this.#echo, this.#residual, 0, true, frame);
  }
}
