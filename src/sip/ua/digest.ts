/** Digest arithmetic: RFC 7616 for MD5, SHA-256 and SHA-512-256 (RFC 8760), the form without qop of RFC 2069 (RFC 3261 §22.4). */
import { createHash } from 'node:crypto';

/** What a server asks for: one WWW-Authenticate or Proxy-Authenticate value that can be answered. */
export interface Challenge {
  realm: string;
  nonce: string;
  opaque?: string;
  /** As the server wrote it, to be echoed; absent: MD5. */
  algorithm?: string;
  /** The protection chosen from the server's list; absent: the server offered none. */
  qop?: 'auth' | 'auth-int';
  stale: boolean;
}

export interface DigestInput {
  username: string;
  password: string;
  realm: string;
  nonce: string;
  algorithm?: string;
  method: string;
  /** The digest-uri: for SIP the Request-URI as written. */
  uri: string;
  qop?: 'auth' | 'auth-int';
  /** Eight hexadecimal digits, as they are sent. */
  nc?: string;
  cnonce?: string;
  /** Hashed when `qop` is `auth-int`. */
  body?: Uint8Array;
}

/** Algorithm names of RFC 8760, lower-case, and what node:crypto calls them. */
const HASHES: Readonly<Record<string, string>> = { md5: 'md5', 'sha-256': 'sha256', 'sha-512-256': 'sha512-256' };

interface Algorithm {
  hash: string;
  session: boolean;
}

function algorithmOf(name: string | undefined): Algorithm | undefined {
  const lower = (name ?? 'MD5').toLowerCase();
  const session = lower.endsWith('-sess');
  const hash = HASHES[session ? lower.slice(0, -5) : lower];
  return hash === undefined ? undefined : { hash, session };
}

const hex = (hash: string, text: string | Uint8Array): string => createHash(hash).update(text).digest('hex');

/** `response` of RFC 7616 §3.4.1. The algorithm must be one that `readChallenge` let through. */
export function digestResponse(input: DigestInput): string {
  const algorithm = algorithmOf(input.algorithm);
  if (algorithm === undefined) throw new TypeError(`Cannot compute a digest with algorithm ${input.algorithm}`);
  const h = (text: string | Uint8Array): string => hex(algorithm.hash, text);
  const { nonce, nc = '', cnonce = '', qop } = input;
  let a1 = h(`${input.username}:${input.realm}:${input.password}`);
  if (algorithm.session) a1 = h(`${a1}:${nonce}:${cnonce}`);
  const what = `${input.method}:${input.uri}`;
  const a2 = h(qop === 'auth-int' ? `${what}:${h(input.body ?? new Uint8Array())}` : what);
  return h(qop === undefined ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`);
}

/** A challenge we can answer, or undefined: another scheme, an unknown algorithm, no nonce, a protection we do not know. */
export function readChallenge(scheme: string, params: ReadonlyMap<string, string | null>): Challenge | undefined {
  const value = (name: string): string | undefined => params.get(name) ?? undefined;
  const realm = value('realm');
  const nonce = value('nonce');
  const algorithm = value('algorithm');
  if (scheme.toLowerCase() !== 'digest' || realm === undefined || nonce === undefined) return undefined;
  if (algorithmOf(algorithm) === undefined) return undefined;
  const offered = value('qop')
    ?.toLowerCase()
    .split(',')
    .map((word) => word.trim());
  const qop = offered?.includes('auth') ? 'auth' : offered?.includes('auth-int') ? 'auth-int' : undefined;
  // RFC 7616 §3.3: what is offered must be used; an unknown protection cannot be answered without one.
  if (offered !== undefined && qop === undefined && offered.some((word) => word !== '')) return undefined;
  return { realm, nonce, algorithm, qop, opaque: value('opaque'), stale: value('stale')?.toLowerCase() === 'true' };
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

export interface Proof {
  username: string;
  password: string;
  method: string;
  uri: string;
  body: Uint8Array;
  /** How often this nonce has been used, this time included. */
  count: number;
  cnonce: string;
}

/** The value of Authorization or Proxy-Authorization that answers `challenge`. */
export function formatAuthorization(challenge: Challenge, proof: Proof): string {
  const nc = proof.count.toString(16).padStart(8, '0');
  const session = algorithmOf(challenge.algorithm)?.session === true;
  const response = digestResponse({ ...challenge, ...proof, nc });
  const parts = [
    `username=${quoted(proof.username)}`,
    `realm=${quoted(challenge.realm)}`,
    `nonce=${quoted(challenge.nonce)}`,
    `uri=${quoted(proof.uri)}`,
    `response="${response}"`,
  ];
  if (challenge.algorithm !== undefined) parts.push(`algorithm=${challenge.algorithm}`);
  if (challenge.opaque !== undefined) parts.push(`opaque=${quoted(challenge.opaque)}`);
  if (challenge.qop !== undefined) parts.push(`qop=${challenge.qop}`, `nc=${nc}`);
  if (challenge.qop !== undefined || session) parts.push(`cnonce="${proof.cnonce}"`);
  return `Digest ${parts.join(', ')}`;
}
