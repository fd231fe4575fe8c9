/** What one stream says beside the microphone: a prompt before the talk, and the tone that tells that it is recorded. */
import type { Tone } from '../audio/index.ts';
import { Prompt } from './sounds.ts';

export class Saying {
  readonly #rateHz: number;
  readonly #prompt: Int16Array;
  readonly #tone: Int16Array;
  /** What the other side is told before it may talk. */
  #said: Prompt | undefined;
  #notice: Tone | undefined;
  /** Both sides of what is said, 10 ms, while it is recorded. */
  tapped: Int16Array | undefined;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
    this.#prompt = new Int16Array(rateHz / 100);
    this.#tone = new Int16Array(rateHz / 100);
  }

  /** Throws `RangeError` for a rate that cannot be converted. */
  say(samples: Int16Array, rateHz: number): void {
    this.#said = new Prompt(samples, rateHz, this.#rateHz);
  }

  tap(notice: Tone | undefined): void {
    this.tapped = notice && new Int16Array(this.#tone.length);
    this.#notice = notice;
  }

  /** The next 10 ms, of the prompt or of the microphone, which is `undefined` or mute. */
  next(frame: Int16Array | undefined, microphone: boolean): Int16Array | undefined {
    if (microphone) this.#said = undefined; // the talk has begun
    const said = this.#noticed(this.#prompted() ?? (microphone ? frame : undefined));
    if (said !== undefined && this.tapped !== undefined) addTo(this.tapped, said);
    return said;
  }

  #prompted(): Int16Array | undefined {
    if (this.#said === undefined) return undefined;
    this.#said.fill(this.#prompt);
    if (this.#said.ended) this.#said = undefined;
    return this.#prompt;
  }

  #noticed(said: Int16Array | undefined): Int16Array | undefined {
    if (this.#notice === undefined) return said;
    const tone = this.#tone;
    this.#notice.fill(tone, 0, tone.length);
    if (this.#notice.ended) this.#notice = undefined;
    if (said !== undefined) addTo(tone, said);
    return tone;
  }
}

function addTo(sum: Int16Array, frame: Int16Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = Math.max(-32768, Math.min(32767, sum[i] + frame[i]));
}
