/** Whether the media thread still turns. A driver may hold it for good in the middle of a tick; the thread itself cannot tell. */

/** Where in the shared array the thread counts its turns; 0: it sleeps because there is nothing to do. */
export const BEAT = 1;

const LOOK_MS = 700;
/** So many looks in vain, and it hangs. */
const MISSED = 2;

export class Heartbeat {
  readonly #shared: Int32Array;
  readonly #timer: NodeJS.Timeout;
  #last = 0;
  #missed = 0;

  /** `onChange(true)`: it hangs; `false`: it turns again. */
  constructor(shared: Int32Array, onChange: (hangs: boolean) => void) {
    this.#shared = shared;
    this.#timer = setInterval(() => this.#look(onChange), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(onChange: (hangs: boolean) => void): void {
    const beat = Atomics.load(this.#shared, BEAT);
    const turns = beat === 0 || beat !== this.#last;
    this.#last = beat;
    if (turns && this.#missed >= MISSED) onChange(false);
    this.#missed = turns ? 0 : this.#missed + 1;
    if (this.#missed === MISSED) onChange(true);
  }
}
