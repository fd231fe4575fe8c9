/** Whether the media thread still turns. A driver may hold it for good in the middle of a tick; the thread itself cannot tell. */

/** Where in the shared array the thread counts its turns; 0: it sleeps because there is nothing to do. */
export const BEAT = 1;
/** And where it is told that another one has taken its place: once its driver lets go of it, it touches nothing any more. */
export const RETIRED = 2;

const LOOK_MS = 700;
/** So many looks in vain, and it hangs. */
const MISSED = 2;

export class Heartbeat {
  readonly #shared: Int32Array;
  readonly #timer: NodeJS.Timeout;
  #last = 0;
  #missed = 0;

  /** `onHang`: once. */
  constructor(shared: Int32Array, onHang: () => void) {
    this.#shared = shared;
    this.#timer = setInterval(() => this.#look(onHang), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(onHang: () => void): void {
    const beat = Atomics.load(this.#shared, BEAT);
    const turns = beat === 0 || beat !== this.#last;
    this.#last = beat;
    this.#missed = turns ? 0 : this.#missed + 1;
    if (this.#missed === MISSED) onHang();
  }
}
