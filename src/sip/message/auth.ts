/** `scheme name=value, name="value"`: challenges and credentials, RFC 3261 §20.7, §20.44, RFC 7235 §2.1. */
import { ParamList } from './params.ts';
import { Scanner } from './scanner.ts';

const COMMA = 44;

export interface AuthValue {
  /** As written; compare without case. */
  readonly scheme: string;
  /** Names lower-case, values without their quotes. */
  readonly params: ReadonlyMap<string, string>;
}

/** One WWW-Authenticate, Proxy-Authenticate, Authorization... line. */
export function parseAuth(text: string): AuthValue {
  const scanner = Scanner.of(text, 'credentials');
  scanner.next();
  const scheme = scanner.token('the scheme');
  scanner.next();
  return { scheme, params: readAuthParams(scanner) };
}

function readAuthParams(scanner: Scanner): ReadonlyMap<string, string> {
  const params = new Map<string, string>();
  if (scanner.done) return params;
  const marks: number[] = [];
  do {
    // RFC 7235 §7: empty list elements are to be borne.
    const next = scanner.next();
    if (next === COMMA || scanner.done) continue;
    scanner.param(marks);
  } while (scanner.take(COMMA));
  scanner.finish();
  for (const [name, value] of new ParamList(scanner.text, scanner.codes, marks)) params.set(name, value ?? '');
  return params;
}
