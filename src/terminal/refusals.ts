/**
 * Strangers who are turned away. Each is an event, but not without end: a program that tries telephone numbers by the
 * thousand would push all else out of the journal, and out of the sight of those who read it.
 */
import { Timers } from '../base/index.ts';
import type { CallEvent, TerminalAction } from './types.ts';
import { said } from './words.ts';

/** So many are told one by one in so long; of the rest the number, and the last one, when the time is over. */
const REFUSALS_TOLD = 50;
const REFUSALS_MS = 60_000;

export class Refusals {
  readonly #timers = new Timers<'over'>();
  #told = 0;
  #untold = 0;
  #last: CallEvent | undefined;

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  tell(event: CallEvent, now: number): TerminalAction[] {
    if (!this.#timers.has('over')) this.#timers.set('over', now + REFUSALS_MS);
    if (this.#told < REFUSALS_TOLD) {
      this.#told++;
      return [said(event)];
    }
    this.#untold++;
    this.#last = event;
    return [];
  }

  timeout(now: number): TerminalAction[] {
    return this.#timers.run(now, () => {
      const [last, untold] = [this.#last, this.#untold];
      this.#told = this.#untold = 0;
      this.#last = undefined;
      if (last === undefined) return [];
      const number = untold === 1 ? 'one more call was' : `${untold} more calls were`;
      const reason = `${number} refused within ${REFUSALS_MS / 1000} s, the last one because ${last.reason}`;
      return [said({ ...last, reason })];
    });
  }
}
