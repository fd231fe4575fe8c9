/** Waits for the return of servers that are preferred to the one in use; only when nobody talks is it time to go back. */
import type { Hop } from '../message/index.ts';
import { type Account, samePlace } from './account.ts';
import type { Core } from './core.ts';
import { Watch } from './watch.ts';

/** A server that answers OPTIONS, but would not register us, is asked again after so long. */
const RETURN_AGAIN_MS = 60_000;

export class Lookout {
  readonly #account: Account;
  readonly #watch: Watch;
  #current: Hop | undefined;
  #notBefore = 0;

  /** `back`: this one is there again, and nobody talks. Asked at each of its answers until the registration is there. */
  constructor(core: Core, account: Account, back: (hop: Hop, now: number) => void) {
    this.#account = account;
    this.#watch = new Watch(core, account, {
      alive: (from, _sign, now) => {
        if (core.busy() || now < this.#notBefore) return;
        const hop = account.hops.find((known) => samePlace(known, from));
        if (hop !== undefined && !core.targets.resting(hop, now)) back(hop, now);
      },
      dead: () => {},
    });
  }

  get deadline(): number | undefined {
    return this.#watch.deadline;
  }

  /** From now on, as seen from `current`. */
  start(current: Hop, now: number): void {
    this.#current = current;
    if (this.#better.length === 0) return this.#watch.stop();
    if (this.#watch.deadline === undefined) this.#watch.start(() => this.#better, now);
  }

  get #better(): readonly Hop[] {
    return this.#current === undefined ? [] : this.#account.better(this.#current);
  }

  stop(): void {
    this.#watch.stop();
  }

  /** The return came to nothing. */
  failed(now: number): void {
    this.#notBefore = now + RETURN_AGAIN_MS;
  }

  timeout(now: number): void {
    if ((this.#watch.deadline ?? now + 1) <= now) this.#watch.timeout(now);
  }
}
