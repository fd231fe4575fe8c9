/** URIs, RFC 3261 §19: `sip:` and `sips:` in their parts, every other scheme whole. Parts stay as written, escapes included. */
import {
  classes,
  codesOf,
  HOST,
  isDigit,
  PASSWORD,
  sameWord,
  skipBlanks,
  URI_HEADER,
  URI_PARAMETER,
  USER,
} from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { NO_PARAMS, ParamList, type Params } from './params.ts';

export interface SipUri {
  /** Lower-case. `sip` and `sips` have parts; others only `opaque`. */
  readonly scheme: string;
  /** As written; `unescapeUri` gives what it means. */
  readonly user?: string;
  readonly password?: string;
  /** As written, IPv6 without brackets; empty for other schemes. */
  readonly host: string;
  readonly port?: number;
  /** Names lower-case, values as written. */
  readonly params: Params;
  /** What follows `?`, as written. Never to be acted upon in a request from outside (RFC 3261 §19.1.5). */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** All that follows the colon, for schemes that are not SIP's. */
  readonly opaque?: string;
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.~-]+)?$/;
/** Characters of an IPv6 address with its zone: more is none, and is not looked at for long. */
const IPV6_MAX = 128;
const none: readonly never[] = [];

const PERCENT = 37;
const AMPERSAND = 38;
const DASH = 45;
const DOT = 46;
const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;
const QUESTION = 63;
const AT = 64;
const BRACKET = 91;
const BRACKET_END = 93;
const UNDERSCORE = 95;

export function parseUri(text: string): SipUri {
  return readUri(text, codesOf(text), 0, text.length);
}

/** The URI that stands in `text` (`codes`: the same as octets) between `from` and `end`. */
export function readUri(text: string, codes: Uint8Array, from: number, end: number): SipUri {
  const colon = findCode(codes, COLON, from, end);
  if (colon === end) return fail(text, from, end, 'there is no scheme');
  if (!sameWord(codes, from, 'sip') || colon - from > 4 || (colon - from === 4 && (codes[from + 3] | 32) !== 115)) {
    return readOther(text, from, colon, end);
  }
  const scheme = colon - from === 3 ? 'sip' : 'sips';
  // RFC 3261 §25.1: nothing after the user part may hold a raw "@", and the user part none but its last.
  let at = findCode(codes, AT, colon + 1, end);
  let user: string | undefined;
  let password: string | undefined;
  if (at < end) {
    const userEnd = findCode(codes, COLON, colon + 1, at);
    if (userEnd < at) {
      password = text.slice(userEnd + 1, at);
      if (!holdsOnly(PASSWORD, codes, userEnd + 1, at)) return fail(text, from, end, 'the password is malformed');
    }
    user = text.slice(colon + 1, userEnd);
    if (user === '' || !holdsOnly(USER, codes, colon + 1, userEnd)) {
      return fail(text, from, end, 'the user part is malformed');
    }
    at++;
  } else at = colon + 1;
  let hostEnd = at;
  while (hostEnd < end && codes[hostEnd] !== SEMICOLON && codes[hostEnd] !== QUESTION) hostEnd++;
  const { host, port } =
    readHostPort(text, codes, at, hostEnd) ?? fail(text, from, end, 'the host or port is malformed');
  const question = findCode(codes, QUESTION, hostEnd, end);
  const params = hostEnd < question ? readParams(text, codes, from, hostEnd, question, end) : NO_PARAMS;
  const headers = question < end ? readHeaders(text, codes, from, question + 1, end) : none;
  return { scheme, user, password, host, port, params, headers };
}

function readOther(text: string, from: number, colon: number, end: number): SipUri {
  const scheme = text.slice(from, colon).toLowerCase();
  const opaque = text.slice(colon + 1, end);
  if (!SCHEME.test(scheme)) return fail(text, from, end, 'the scheme is malformed');
  if (/[\s<>"]/.test(opaque)) return fail(text, from, end, 'a blank, quote or angle bracket stands in it');
  return { scheme, host: '', params: NO_PARAMS, headers: none, opaque };
}

/** `*( ";" name [ "=" value ] )` from the semicolon at `at` to `to`. */
function readParams(text: string, codes: Uint8Array, from: number, at: number, to: number, end: number): Params {
  const marks: number[] = [];
  let start = at + 1;
  while (start <= to) {
    const next = findCode(codes, SEMICOLON, start, to);
    const equals = findCode(codes, EQUALS, start, next);
    const sound =
      equals > start &&
      holdsOnly(URI_PARAMETER, codes, start, equals) &&
      (equals === next || (equals + 1 < next && holdsOnly(URI_PARAMETER, codes, equals + 1, next)));
    if (!sound) return fail(text, from, end, `parameter ${shown(text.slice(start, next))} is malformed`);
    if (equals === next) marks.push(start, next, -1, -1);
    else marks.push(start, equals, equals + 1, next);
    start = next + 1;
  }
  return new ParamList(text, codes, marks);
}

function readHeaders(
  text: string,
  codes: Uint8Array,
  from: number,
  at: number,
  end: number,
): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  for (let start = at; start <= end; ) {
    const next = findCode(codes, AMPERSAND, start, end);
    const equals = findCode(codes, EQUALS, start, next);
    const sound =
      equals > start &&
      holdsOnly(URI_HEADER, codes, start, equals) &&
      (equals === next || holdsOnly(URI_HEADER, codes, equals + 1, next));
    if (!sound) return fail(text, from, end, `header ${shown(text.slice(start, next))} is malformed`);
    headers.push([text.slice(start, equals), text.slice(Math.min(equals + 1, next), next)]);
    start = next + 1;
  }
  return headers;
}

/** Where `code` stands between `from` and `end`, else `end`. */
function findCode(codes: Uint8Array, code: number, from: number, end: number): number {
  let at = from;
  while (at < end && codes[at] !== code) at++;
  return at;
}

/** Nothing but characters of `kind` and escapes (`%41`). */
function holdsOnly(kind: number, codes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if ((classes[codes[at]] & kind) !== 0) continue;
    if (codes[at] !== PERCENT || at + 2 >= to || !isHex(codes[at + 1]) || !isHex(codes[at + 2])) return false;
    at += 2;
  }
  return true;
}

function isHex(code: number): boolean {
  return (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 102);
}

interface HostAndPort {
  readonly host: string;
  readonly port?: number;
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`; undefined when it is none of them. */
export function readHostPort(text: string, codes: Uint8Array, from: number, end: number): HostAndPort | undefined {
  let at = from;
  let host: string;
  if (codes[from] === BRACKET) {
    at = findCode(codes, BRACKET_END, from, end);
    host = text.slice(from + 1, at);
    if (at === end || host.length > IPV6_MAX || !IPV6.test(host)) return undefined;
    at++;
  } else {
    while (at < end && (classes[codes[at]] & HOST) !== 0) at++;
    if (at === from || codes[at - 1] === DASH || isMark(codes[from])) return undefined;
    host = text.slice(from, at);
  }
  if (at === end) return { host, port: undefined };
  at = skipBlanks(codes, at);
  if (at >= end || codes[at] !== COLON) return undefined;
  at = skipBlanks(codes, at + 1);
  const digits = at;
  let port = 0;
  for (; at < end && at < digits + 5 && isDigit(codes[at]); at++) port = port * 10 + codes[at] - 48;
  if (at === digits || port > 65535 || skipBlanks(codes, at) < end) return undefined;
  return { host, port };
}

/** `-`, `.` and `_`: no host begins with one. */
function isMark(code: number): boolean {
  return code === DASH || code === DOT || code === UNDERSCORE;
}

function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export function formatHostPort(host: string, port?: number): string {
  return port === undefined ? formatHost(host) : `${formatHost(host)}:${port}`;
}

export function formatUri(uri: SipUri): string {
  if (uri.opaque !== undefined) return `${uri.scheme}:${uri.opaque}`;
  let text = `${uri.scheme}:`;
  if (uri.user !== undefined) text += uri.password === undefined ? `${uri.user}@` : `${uri.user}:${uri.password}@`;
  text += formatHostPort(uri.host, uri.port);
  for (const [name, value] of uri.params) text += value === null ? `;${name}` : `;${name}=${value}`;
  uri.headers.forEach(([name, value], i) => {
    text += `${i === 0 ? '?' : '&'}${name}=${value}`;
  });
  return text;
}

/** What an escaped part means: `%40` is `@`. Escapes that are no UTF-8 stay as they are. */
export function unescapeUri(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

/** `text` as a user part of a URI. */
export function escapeUser(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/gu, (c) =>
    encodeURIComponent(/^[\ud800-\udfff]$/u.test(c) ? '\ufffd' : c),
  );
}

function fail(text: string, from: number, end: number, problem: string): never {
  throw new SipSyntaxError(`Cannot parse URI ${shown(text.slice(from, end))}: ${problem}`);
}
