/**
 * A cursor over one header field value: tokens, quoted strings, parameters (RFC 3261 §25.1). The value is unfolded before,
 * so linear white space is blanks and tabs only.
 */
import { classes, codesOf, TOKEN, VALUE } from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { NO_PARAMS, ParamList, type Params, unquote } from './params.ts';

const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const EQUALS = 61;
const BACKSLASH = 92;

export class Scanner {
  /** The value stands in `text` from `from` to `end`; what comes behind it is blanks, then CR or zero: a part of nothing. */
  readonly text: string;
  readonly codes: Uint8Array;
  readonly from: number;
  readonly end: number;
  /** What is being read, for the error: `Via`. */
  readonly what: string;
  at: number;

  constructor(text: string, codes: Uint8Array, from: number, end: number, what: string) {
    this.text = text;
    this.codes = codes;
    this.from = from;
    this.at = from;
    this.end = end;
    this.what = what;
  }

  static of(text: string, what: string): Scanner {
    return new Scanner(text, codesOf(text), 0, text.length, what);
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  fail(problem: string): never {
    const value = this.text.slice(this.from, this.end);
    throw new SipSyntaxError(`Cannot parse ${this.what} ${shown(value)}: ${problem}`, { offset: this.at });
  }

  /** Skips blanks; gives the code of the next character. */
  next(): number {
    const { codes } = this;
    let at = this.at;
    let code = codes[at];
    while (code === SPACE || code === TAB) code = codes[++at];
    this.at = at;
    return code;
  }

  /** Takes `code` with blanks around it, or says no. */
  take(code: number): boolean {
    if (this.next() !== code) return false;
    this.at++;
    this.next();
    return true;
  }

  /** Goes on while there are characters of `kind`; says whether there was any. */
  skip(kind: number): boolean {
    const { codes, at: from } = this;
    let at = from;
    while ((classes[codes[at]] & kind) !== 0) at++;
    this.at = at;
    return at > from;
  }

  token(name: string): string {
    const from = this.at;
    if (!this.skip(TOKEN)) this.fail(`${name} is missing`);
    return this.text.slice(from, this.at);
  }

  /** A quoted-string at the cursor, without its quotes and backslashes. */
  quoted(): string {
    const from = this.at + 1;
    this.skipQuoted();
    return unquote(this.text.slice(from, this.at - 1));
  }

  skipQuoted(): void {
    const { codes, end } = this;
    for (let at = this.at + 1; at < end; at++) {
      if (codes[at] === BACKSLASH) at++;
      else if (codes[at] === QUOTE) {
        this.at = at + 1;
        return;
      }
    }
    this.fail('the quoted string has no end');
  }

  /** `*( ";" name [ "=" value ] )`: stops at a comma or the end. */
  params(): Params {
    if (!this.take(SEMICOLON)) return NO_PARAMS;
    const marks: number[] = [];
    do this.param(marks);
    while (this.take(SEMICOLON));
    return new ParamList(this.text, this.codes, marks);
  }

  /** One parameter; puts its marks behind `marks`. */
  param(marks: number[]): void {
    const from = this.at;
    if (!this.skip(TOKEN)) this.fail('a parameter name is missing');
    const to = this.at;
    if (!this.take(EQUALS)) {
      marks.push(from, to, -1, -1);
      return;
    }
    const value = this.at;
    if (this.codes[value] === QUOTE) {
      this.skipQuoted();
      marks.push(from, to, value + 1, this.at - 1);
      return;
    }
    if (!this.skip(VALUE)) this.fail(`the value of parameter ${this.text.slice(from, to)} is missing`);
    marks.push(from, to, value, this.at);
  }

  /** Decimal digits up to `max`. */
  integer(name: string, max: number): number {
    const { codes, at: from } = this;
    let at = from;
    let value = 0;
    for (; codes[at] >= 48 && codes[at] <= 57; at++) {
      value = value * 10 + codes[at] - 48;
      if (value > max) this.fail(`${name} is larger than ${max}`);
    }
    if (at === from) this.fail(`${name} is no number`);
    this.at = at;
    return value;
  }

  /** Nothing but blanks may follow. */
  finish(): void {
    this.next();
    if (!this.done) this.fail(`unexpected ${shown(this.text.slice(this.at, Math.min(this.at + 12, this.end)))}`);
  }
}

/** Reads a parameter list that stands alone: `;a=1;b` or `a=1;b`. */
export function parseParams(text: string, what = 'parameters'): Params {
  const scanner = Scanner.of(text, what);
  const next = scanner.next();
  if (scanner.done) return NO_PARAMS;
  const marks: number[] = [];
  if (next !== SEMICOLON) scanner.param(marks);
  while (scanner.take(SEMICOLON)) scanner.param(marks);
  scanner.finish();
  return new ParamList(text, scanner.codes, marks);
}

/** Cuts a comma-separated list; commas inside quoted strings and `<>` do not count. Blank entries are dropped. */
export function splitList(text: string): string[] {
  if (!text.includes(',')) return text === '' ? [] : [text];
  const values: string[] = [];
  let from = 0;
  let angle = false;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? COMMA : text.charCodeAt(at);
    if (code === QUOTE && !angle) at = endOfQuote(text, at);
    else if (code === 60) angle = true;
    else if (code === 62) angle = false;
    else if (code === COMMA && (!angle || at === text.length)) {
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
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i;
  }
  return text.length - 1;
}
