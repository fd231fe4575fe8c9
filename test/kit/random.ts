import type { Random } from '../../src/base/index.ts';

/** Randomness that repeats: `t1`, `t2`, ... and 1, 2, ... */
export class CountingRandom implements Random {
  #count = 0;

  token(): string {
    return `t${++this.#count}`;
  }

  uint32(): number {
    return ++this.#count;
  }
}
