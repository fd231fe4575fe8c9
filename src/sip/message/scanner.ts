/**
 * A cursor over one header field value: tokens, quoted strings, parameters (RFC 3261 §25.1). The value is unfolded before,
 * so linear white space is blanks and tabs only.
 */
import { classes, codesOf, skipBlanks, TOKEN, VALUE } from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { NO_PARAMS, ParamList, type Params } from './params.ts';

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
    this.at = skipBlanks(this.codes, this.at);
    return this.codes[this.at];
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

  skipQuoted(): void {
    this.at = this.endOfQuoted(this.at);
  }

  private endOfQuoted(from: number): number {
    const { codes, end } = this;
    for (let at = from + 1; at < end; at++) {
      if (codes[at] === BACKSLASH) at++;
      else if (codes[at] === QUOTE) return at + 1;
    }
    return this.fail('the quoted string has no end');
  }

  /** `*( ";" name [ "=" value ] )`: stops at a comma or the end. */
  params(): Params {
    let at = skipBlanks(this.codes, this.at);
    this.at = at;
    if (this.codes[at] !== SEMICOLON) return NO_PARAMS;
    const marks: number[] = [];
    do at = this.readParam(skipBlanks(this.codes, at + 1), marks);
    while (this.codes[at] === SEMICOLON);
    this.at = at;
    return new ParamList(this.text, this.codes, marks);
  }

  /** One parameter; puts its marks behind `marks`. */
  param(marks: number[]): void {
    this.at = this.readParam(this.at, marks);
  }

  /** The parameter at `from`, and where the next thing after it stands. */
  private readParam(from: number, marks: number[]): number {
    const { codes } = this;
    let at = from;
    while ((classes[codes[at]] & TOKEN) !== 0) at++;
    const to = at;
    at = skipBlanks(codes, at);
    if (to === from) return this.fail('a parameter name is missing');
    if (codes[at] !== EQUALS) {
      marks.push(from, to, -1, -1);
      return at;
    }
    const value = skipBlanks(codes, at + 1);
    at = value;
    if (codes[value] === QUOTE) {
      at = this.endOfQuoted(value);
      marks.push(from, to, value + 1, at - 1);
    } else {
      while ((classes[codes[at]] & VALUE) !== 0) at++;
      if (at === value) return this.fail(`the value of parameter ${this.text.slice(from, to)} is missing`);
      marks.push(from, to, value, at);
    }
    return skipBlanks(codes, at);
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
