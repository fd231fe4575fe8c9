/** `scheme name=value, name="value"`: challenges and credentials, RFC 3261 §20.7, §20.44, RFC 7235 §2.1. */
import { Scanner } from './scanner.ts';

export interface AuthValue {
  /** As written; compare without case. */
  readonly scheme: string;
  /** Names lower-case, values without their quotes. */
  readonly params: ReadonlyMap<string, string>;
}

/** One WWW-Authenticate, Proxy-Authenticate, Authorization... line. */
export function parseAuth(text: string): AuthValue {
  const scanner = new Scanner(text, 'credentials');
  scanner.next();
  const scheme = scanner.token('the scheme');
  scanner.next();
  const rest = readAuthParams(scanner);
  return { scheme, params: rest };
}

function readAuthParams(scanner: Scanner): ReadonlyMap<string, string> {
  const params = new Map<string, string | null>();
  if (scanner.done) return params as Map<string, string>;
  do {
    // RFC 7235 §7: empty list elements are to be borne.
    const next = scanner.next();
    if (next === 44 || Number.isNaN(next)) continue;
    scanner.param(params);
  } while (scanner.take(44));
  scanner.end();
  for (const [name, value] of params) if (value === null) params.set(name, '');
  return params as Map<string, string>;
}
