/** Where branches, tags, Call-IDs, nonces, SSRCs and jitter come from. Injected, so that tests see whole messages repeat. */
export interface Random {
  /** A fresh lower-case token of letters and digits, at least 64 bits of randomness (RFC 3261 §19.3 asks for 32). */
  token(): string;
  /** 0 .. 2^32 - 1 */
  uint32(): number;
}
