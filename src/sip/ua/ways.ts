/** Where a call of ours is tried next, and how long each server has for its first word, RFC 3263 §4.3. */
import type { Hop } from '../message/index.ts';
import { HOPS_MAX } from './account.ts';
import type { Route } from './call.ts';
import type { Core } from './core.ts';

/** A server that has not even said 100 by then (or as configured), or by its share of the time, is passed over for another. */
const FIRST_ANSWER_MS = 2_000;
/** All of them together, and the search for their addresses, have this long: nobody at a help point waits for timer B. */
const NO_ANSWER_MS = 4_500;
/** However many there are, each is given time for one copy to be lost. */
const FIRST_ANSWER_MIN_MS = 500;
/** The steps of a plan may all lead to the server that is dead; the next one that does not must come within 5 s of the press. */
const UNHEARD_PATIENCE_MS = 150;

export class Ways {
  readonly #core: Core;
  #left: Route[] = [];
  /** Servers that were passed over, and why: the word of the last one alone would mislead. */
  readonly #passedOver: string[] = [];
  /** Until the first word of anybody. */
  #giveUpAt: number | undefined;
  #leastMs = FIRST_ANSWER_MIN_MS;

  constructor(core: Core) {
    this.#core = core;
  }

  /** How many are still to be tried. */
  get size(): number {
    return this.#left.length;
  }

  /** When it is all over without a word of anybody; the time begins to run unless it does already. */
  limit(now: number): number {
    this.#giveUpAt ??= now + NO_ANSWER_MS;
    return this.#giveUpAt;
  }

  /** Somebody has spoken: he has all the time there is. */
  spoken(): void {
    this.#giveUpAt = undefined;
  }

  /** By preference; those whose server rests come last. */
  found(routes: readonly Route[], now: number): void {
    const { targets } = this.#core;
    this.#left = targets.order(routes, ({ hop }) => hop, now);
    // Where nobody has answered before, nobody is waited for as long: the plan may know another way.
    if (!routes.every(({ hop }) => targets.resting(hop, now))) return;
    const unheard = routes.some(({ hop }) => targets.unheardLately(hop, now));
    if (unheard) this.#leastMs = UNHEARD_PATIENCE_MS;
    this.#giveUpAt = Math.min(this.#giveUpAt ?? Infinity, now + (unheard ? this.#leastMs : this.#firstAnswerMs));
  }

  next(): Route | undefined {
    return this.#left.shift();
  }

  /** To be tried before all others. */
  again(route: Route): void {
    this.#left.unshift(route);
  }

  passed(hop: Hop, why: string): void {
    if (this.#passedOver.length < HOPS_MAX) this.#passedOver.push(`${why} at ${hop.remote.host}`);
  }

  /** `reason`, and who was passed over before. */
  story(reason: string): string {
    return this.#passedOver.length === 0 ? reason : `${reason}, after ${this.#passedOver.join(', ')}`;
  }

  /** Until when the one that is asked now has time for its first word. `redirects`: places to go besides the servers. */
  patience(redirects: number, now: number): number {
    const left = this.limit(now) - now;
    const others = this.#left.length + redirects;
    const patience = others === 0 ? left : Math.min(this.#firstAnswerMs, left / (others + 1));
    return now + Math.max(this.#leastMs, patience);
  }

  get #firstAnswerMs(): number {
    return this.#core.config.firstAnswerMs ?? FIRST_ANSWER_MS;
  }
}
