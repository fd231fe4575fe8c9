/** Who reached nobody leaves word, where the plan lets him. */
import type { CallPlan, EndCause, TerminalAction } from './types.ts';

/** A prompt of so long, and a recorder that does not answer: then it is over all the same. */
const MARGIN_MS = 90_000;

export class LastResort {
  readonly #call: string;
  readonly #plan: CallPlan['lastResort'];
  /** Why nobody was reached, while a message is left. */
  #word: { cause: EndCause; reason: string } | undefined;

  constructor(call: string, plan: CallPlan['lastResort']) {
    this.#call = call;
    this.#plan = plan;
  }

  get underWay(): boolean {
    return this.#word !== undefined;
  }

  /** From its beginning to its end at the latest. */
  get limitMs(): number {
    return (this.#plan?.forMs ?? 0) + MARGIN_MS;
  }

  /** Undefined: the plan has none, or it goes on already. */
  begin(cause: EndCause, reason: string): TerminalAction | undefined {
    if (this.#plan === undefined || this.#word !== undefined) return undefined;
    this.#word = { cause, reason };
    return { type: 'leave-word', call: this.#call, ...this.#plan };
  }

  /** What is recorded by now is kept. */
  stop(): TerminalAction[] {
    return this.#word === undefined ? [] : [{ type: 'word-over', call: this.#call }];
  }

  /** How the call ends with it; `recordedMs` undefined: there is no message, and `why`. */
  left(recordedMs: number | undefined, why: string | undefined): { cause: EndCause; reason: string } | undefined {
    if (this.#word === undefined) return undefined;
    const { cause, reason } = this.#word;
    this.#word = undefined;
    const left =
      recordedMs === undefined ? `no message: ${why}` : `a message of ${Math.round(recordedMs / 1000)} s was left`;
    return { cause, reason: `${reason}; ${left}` };
  }
}
