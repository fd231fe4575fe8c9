/**
 * How loud a place is when nobody speaks: the least of the short-term levels of the last seconds ("minimum statistics").
 * A voice pauses between words, so it does not count; a train that stands there does.
 */
import { SILENCE_DBFS } from './level.ts';

/** Frames of 10 ms in one piece of the past, and how many pieces are remembered: 2 s. */
const PIECE = 25;
const PIECES = 8;
/** Of a level smoothed over some 60 ms, the least lies about this far below the mean. */
const BIAS_DB = 2;
const SMOOTHING = 0.15;
/** Speech is so much louder than the place, and not silence. */
const SPEECH_DB = 9;
const LEAST_SPEECH_DBFS = -58;
/** Frames a word goes on after its last loud one. */
const HANGOVER = 25;

export class Ambient {
  readonly #least = new Float32Array(PIECES);
  #power = -1;
  #count = 0;
  #piece = 0;
  #filled = 0;
  #hangover = 0;
  /** The place without voices, dBFS; NaN: not known yet. */
  dbfs = Number.NaN;

  constructor() {
    this.#least.fill(Number.POSITIVE_INFINITY);
  }

  /** Somebody speaks now, or did a moment ago. */
  get speech(): boolean {
    return this.#hangover > 0;
  }

  /** The level of the next 10 ms, dBFS. */
  update(levelDbfs: number): void {
    const power = 10 ** (Math.max(levelDbfs, SILENCE_DBFS) / 10);
    this.#power = this.#power < 0 ? power : this.#power + SMOOTHING * (power - this.#power);
    if (this.#power < this.#least[this.#piece]) this.#least[this.#piece] = this.#power;
    if (++this.#count === PIECE) this.#next();
    const floor = Number.isNaN(this.dbfs) ? SILENCE_DBFS : this.dbfs;
    if (levelDbfs > LEAST_SPEECH_DBFS && levelDbfs > floor + SPEECH_DB) this.#hangover = HANGOVER;
    else if (this.#hangover > 0) this.#hangover--;
  }

  #next(): void {
    this.#count = 0;
    if (this.#filled < PIECES) this.#filled++;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < PIECES; i++) if (this.#least[i] < least) least = this.#least[i];
    this.dbfs = Math.max(SILENCE_DBFS, 10 * Math.log10(least) + BIAS_DB);
    this.#piece = (this.#piece + 1) % PIECES;
    this.#least[this.#piece] = Number.POSITIVE_INFINITY;
  }
}
