/** URIs, RFC 3261 §19: `sip:` and `sips:` in their parts, every other scheme whole. Parts stay as written, escapes included. */
import { SipSyntaxError, shown } from './errors.ts';
import type { Params } from './scanner.ts';

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
const USER = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/[\]#|^`{}\u0080-\uffff]|%[0-9A-Fa-f]{2})+$/;
const PASSWORD = /^(?:[A-Za-z0-9\-_.!~*'()&=+$,:;?/#]|%[0-9A-Fa-f]{2})*$/;
const PARAMETER = /^(?:[A-Za-z0-9\-_.!~*'()[\]/:&+$@]|%[0-9A-Fa-f]{2})+$/;
const HEADER = /^(?:[A-Za-z0-9\-_.!~*'()[\]/?:+$;,@]|%[0-9A-Fa-f]{2})*$/;
const PORT = /^[ \t]*:[ \t]*(\d{1,5})[ \t]*$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.~-]+)?$/;
const none: readonly never[] = [];

export function parseUri(text: string): SipUri {
  const colon = text.indexOf(':');
  if (colon < 0) return fail(text, 'there is no scheme');
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips') {
    if (!SCHEME.test(scheme)) return fail(text, 'the scheme is malformed');
    if (/[\s<>"]/.test(text)) return fail(text, 'a blank, quote or angle bracket stands in it');
    return { scheme, host: '', params: new Map(), headers: none, opaque: text.slice(colon + 1) };
  }
  // RFC 3261 §25.1: nothing after the user part may hold a raw "@", and the user part none but its last.
  const at = text.indexOf('@', colon + 1);
  let user: string | undefined;
  let password: string | undefined;
  if (at >= 0) {
    user = text.slice(colon + 1, at);
    const split = user.indexOf(':');
    if (split >= 0) {
      password = user.slice(split + 1);
      user = user.slice(0, split);
      if (!PASSWORD.test(password)) return fail(text, 'the password is malformed');
    }
    if (!USER.test(user)) return fail(text, 'the user part is malformed');
  }
  return { scheme, user, password, ...parseRest(text, at >= 0 ? at + 1 : colon + 1) };
}

function parseRest(text: string, from: number): Pick<SipUri, 'host' | 'port' | 'params' | 'headers'> {
  const question = text.indexOf('?', from);
  const end = question < 0 ? text.length : question;
  let semicolon = text.indexOf(';', from);
  if (semicolon < 0 || semicolon > end) semicolon = end;
  const { host, port } = parseHostPort(text.slice(from, semicolon)) ?? fail(text, 'the host or port is malformed');
  const params: Params = new Map();
  if (semicolon < end) {
    for (const part of text.slice(semicolon + 1, end).split(';')) {
      const equals = part.indexOf('=');
      const name = equals < 0 ? part : part.slice(0, equals);
      const value = equals < 0 ? null : part.slice(equals + 1);
      if (!PARAMETER.test(name) || (value !== null && !PARAMETER.test(value))) {
        return fail(text, `parameter ${shown(part)} is malformed`);
      }
      const key = name.toLowerCase();
      if (!params.has(key)) params.set(key, value);
    }
  }
  return { host, port, params, headers: question < 0 ? none : parseHeaders(text, question + 1) };
}

function parseHeaders(text: string, from: number): (readonly [string, string])[] {
  return text
    .slice(from)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      const name = equals < 0 ? part : part.slice(0, equals);
      const value = equals < 0 ? '' : part.slice(equals + 1);
      if (name === '' || !HEADER.test(name) || !HEADER.test(value)) fail(text, `header ${shown(part)} is malformed`);
      return [name, value] as const;
    });
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`; undefined when it is none of them. */
export function parseHostPort(text: string): { host: string; port?: number } | undefined {
  const bracket = text.charCodeAt(0) === 91;
  const end = bracket ? text.indexOf(']') + 1 : endOfName(text);
  if (end === 0) return undefined;
  const host = bracket ? text.slice(1, end - 1) : text.slice(0, end);
  if (bracket && !IPV6.test(host)) return undefined;
  if (end === text.length) return { host };
  const rest = PORT.exec(text.slice(end));
  const port = rest === null ? 65536 : Number(rest[1]);
  return port > 65535 ? undefined : { host, port };
}

/** Where the host name or IPv4 address at the start of `text` ends; 0 when there is none. */
function endOfName(text: string): number {
  let at = 0;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code >= 97 && code <= 122) || (code >= 45 && code <= 57 && code !== 47)) continue;
    if ((code < 65 || code > 90) && code !== 95) break;
  }
  return at === 0 || '-._'.includes(text[0]) || text[at - 1] === '-' ? 0 : at;
}

export function formatHost(host: string): string {
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

function fail(text: string, problem: string): never {
  throw new SipSyntaxError(`Cannot parse URI ${shown(text)}: ${problem}`);
}
