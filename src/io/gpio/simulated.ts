/** Wires that are only names: buttons pressed by software, lamps that are remembered. For the demo and for tests. */
import { type EdgeListener, GpioError } from './types.ts';

/** A finger's press. */
const PRESS_MS = 200;
/** The longest that a timer of Node can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

export class SimulatedInputs {
  readonly #onEdge: EdgeListener;
  /** Pressed ones, with what will release them. */
  readonly #pressed = new Map<string, NodeJS.Timeout>();

  constructor(onEdge: EdgeListener) {
    this.#onEdge = onEdge;
  }

  active(input: string): boolean {
    return this.#pressed.has(input);
  }

  /** Pressed again while it is held, it is held for longer. */
  press(input: string, forMs = PRESS_MS): void {
    if (!(forMs >= 0 && forMs <= LONGEST_MS)) {
      throw new GpioError('gpio-no-button', `Cannot press "${input}" for ${forMs} ms: 0 to ${LONGEST_MS} ms can be`);
    }
    const held = this.#pressed.get(input);
    clearTimeout(held);
    this.#pressed.set(
      input,
      setTimeout(() => this.#release(input), forMs),
    );
    if (held === undefined) this.#onEdge({ input, active: true, atMs: performance.now() });
  }

  close(): void {
    for (const timer of this.#pressed.values()) clearTimeout(timer);
    this.#pressed.clear();
  }

  #release(input: string): void {
    this.#pressed.delete(input);
    this.#onEdge({ input, active: false, atMs: performance.now() });
  }
}
