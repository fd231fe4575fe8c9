/**
 * A cursor over one header field value: tokens, quoted strings, parameters (RFC 3261 §25.1). The value is unfolded before,
 * so linear white space is blanks and tabs only.
 */
import { SipSyntaxError, shown } from './errors.ts';

/** Parameter names are lower-case; `null`: a flag without value. Quoted values are held without their quotes. */
export type Params = Map<string, string | null>;

const TOKEN = 1;
const VALUE = 2;
/** Per ASCII code: may stand in a `token`; may stand in an unquoted parameter value (token, host, IPv6 address). */
const classes = new Uint8Array(128);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") {
  classes[c.charCodeAt(0)] = TOKEN | VALUE;
}
// Beyond the grammar: what URIs and base64 bring into parameter values in the field. Never `;`, `,`, `"`, `<`, `>` or blanks.
for (const c of '[]:@/?=&$()#^{}|\\') classes[c.charCodeAt(0)] |= VALUE;

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || (classes[code] & TOKEN) === 0) return false;
  }
  return text.length > 0;
}

const isPlainValue = (text: string): boolean => /^[A-Za-z0-9\-.!%*_+`'~[\]:]+$/.test(text);

/** `text` as a quoted-string. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/[\r\n]+/g, ' ')}"`;
}

export class Scanner {
  readonly text: string;
  /** What is being read, for the error: `Via`. */
  readonly what: string;
  at = 0;

  constructor(text: string, what: string) {
    this.text = text;
    this.what = what;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  fail(problem: string): never {
    throw new SipSyntaxError(`Cannot parse ${this.what} ${shown(this.text)}: ${problem}`, { offset: this.at });
  }

  /** Skips blanks; gives the code of the next character, NaN at the end. */
  next(): number {
    const text = this.text;
    let code = text.charCodeAt(this.at);
    while (code === 32 || code === 9) code = text.charCodeAt(++this.at);
    return code;
  }

  /** Takes `code` with blanks around it, or says no. */
  take(code: number): boolean {
    if (this.next() !== code) return false;
    this.at++;
    this.next();
    return true;
  }

  token(name: string): string {
    const from = this.at;
    this.#skip(TOKEN);
    if (this.at === from) this.fail(`${name} is missing`);
    return this.text.slice(from, this.at);
  }

  #skip(kind: number): void {
    const text = this.text;
    let at = this.at;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      // Octets above 127 are taken: UTF-8 in a parameter value is common and harms nobody.
      if (code < 128 && (classes[code] & kind) === 0) break;
      if (code > 127 && kind === TOKEN) break;
    }
    this.at = at;
  }

  /** A quoted-string at the cursor, without its quotes and backslashes. */
  quoted(): string {
    const text = this.text;
    const from = ++this.at;
    let escaped = false;
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 92) {
        escaped = true;
        at++;
      } else if (code === 34) {
        this.at = at + 1;
        const inner = text.slice(from, at);
        return escaped ? inner.replace(/\\([\s\S])/g, '$1') : inner;
      }
    }
    return this.fail('the quoted string has no end');
  }

  /** `*( ";" name [ "=" value ] )`: stops at a comma or the end. */
  params(): Params {
    const params: Params = new Map();
    while (this.take(59)) this.param(params);
    return params;
  }

  param(params: Params): void {
    const name = this.token('a parameter name').toLowerCase();
    let value: string | null = null;
    if (this.take(61)) {
      if (this.text.charCodeAt(this.at) === 34) value = this.quoted();
      else {
        const from = this.at;
        this.#skip(VALUE);
        if (this.at === from) this.fail(`the value of parameter ${name} is missing`);
        value = this.text.slice(from, this.at);
      }
    }
    // The first one wins, so that nobody overrides a parameter by repeating it.
    if (!params.has(name)) params.set(name, value);
  }

  /** Decimal digits up to `max`. */
  integer(name: string, max: number): number {
    const from = this.at;
    let value = 0;
    for (; this.at < this.text.length; this.at++) {
      const digit = this.text.charCodeAt(this.at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      if (value > max) this.fail(`${name} is larger than ${max}`);
    }
    if (this.at === from) this.fail(`${name} is no number`);
    return value;
  }

  /** Nothing but blanks may follow. */
  end(): void {
    if (!Number.isNaN(this.next())) this.fail(`unexpected ${shown(this.text.slice(this.at, this.at + 12))}`);
  }
}

/** `;name=value` for each, quoted where it must be. */
export function formatParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) {
    text += value === null ? `;${name}` : `;${name}=${isPlainValue(value) ? value : quote(value)}`;
  }
  return text;
}

/** Reads a parameter list that stands alone: `;a=1;b` or `a=1;b`. */
export function parseParams(text: string, what = 'parameters'): Params {
  const scanner = new Scanner(text, what);
  const params: Params = new Map();
  if (Number.isNaN(scanner.next())) return params;
  if (scanner.text.charCodeAt(scanner.at) !== 59) scanner.param(params);
  while (scanner.take(59)) scanner.param(params);
  scanner.end();
  return params;
}

/** Cuts a comma-separated list; commas inside quoted strings and `<>` do not count. Blank entries are dropped. */
export function splitList(text: string): string[] {
  if (!text.includes(',')) return text === '' ? [] : [text];
  const values: string[] = [];
  let from = 0;
  let angle = false;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? 44 : text.charCodeAt(at);
    if (code === 34 && !angle) at = endOfQuote(text, at);
    else if (code === 60) angle = true;
    else if (code === 62) angle = false;
    else if (code === 44 && (!angle || at === text.length)) {
      const value = text.slice(from, at).trim();
      if (value !== '') values.push(value);
      from = at + 1;
    }
  }
  return values;
}

/** The closing quote of the one at `at`, or the last character of the text when it is never closed. */
function endOfQuote(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 92) i++;
    else if (code === 34) return i;
  }
  return text.length - 1;
}
