/** Where branches, tags, Call-IDs, nonces, SSRCs and jitter come from. Injected, so that tests see whole messages repeat. */
export interface Random {
  /** A fresh lower-case token of letters and digits, at least 64 bits of randomness (RFC 3261 §19.3 asks for 32). */
  token(): string;
  /** 0 .. 2^32 - 1 */
  uint32(): number;
}

/** For tests: `t1`, `t2`, ... and 1, 2, ... */
export class CountingRandom implements Random {
  #count = 0;

  token(): string {
    return `t${++this.#count}`;
  }

  uint32(): number {
    return ++this.#count;
  }
}
