/** `name-addr` and `addr-spec`: the values of From, To, Contact, Route, Record-Route, Refer-To... (RFC 3261 §20.10, §25.1) */
import { classes, isBlank, TOKEN, trimmedEnd } from './codes.ts';
import { formatParams, type Params, quote, unquote } from './params.ts';
import { Scanner } from './scanner.ts';
import { formatUri, readUri, type SipUri } from './uri.ts';

export interface NameAddr {
  /** Without quotes; empty when there is none. */
  readonly displayName: string;
  /** The URI as written. */
  readonly uriText: string;
  /** Parsed when first asked for: may throw `SipSyntaxError`. */
  readonly uri: SipUri;
  /** Those of the header field, not of the URI; `tag` of From and To is here. */
  readonly params: Params;
}

const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const LESS = 60;
const GREATER = 62;
const QUESTION = 63;

/** An address where it stands: its parts become text when somebody asks. */
class ReadNameAddr implements NameAddr {
  private readonly text: string;
  private readonly codes: Uint8Array;
  private readonly nameFrom: number;
  private readonly nameTo: number;
  private readonly uriFrom: number;
  private readonly uriTo: number;
  readonly params: Params;
  private parsed: SipUri | undefined;

  /** The cursor stands behind the URI; the parameters of the field are read from there. */
  constructor(scanner: Scanner, nameFrom: number, nameTo: number, uriFrom: number, uriTo: number) {
    this.text = scanner.text;
    this.codes = scanner.codes;
    this.nameFrom = nameFrom;
    this.nameTo = nameTo;
    this.uriFrom = uriFrom;
    this.uriTo = uriTo;
    this.params = scanner.params();
  }

  get displayName(): string {
    const inner = this.text.slice(this.nameFrom, this.nameTo);
    return this.codes[this.nameFrom - 1] === QUOTE ? unquote(inner) : inner;
  }

  get uriText(): string {
    return this.text.slice(this.uriFrom, this.uriTo);
  }

  get uri(): SipUri {
    this.parsed ??= readUri(this.text, this.codes, this.uriFrom, this.uriTo);
    return this.parsed;
  }
}

/** One value; `what` names the header field in errors. */
export function parseNameAddr(text: string, what = 'address'): NameAddr {
  return readNameAddr(Scanner.of(text, what));
}

export function readNameAddr(scanner: Scanner): NameAddr {
  const address = readAddress(scanner);
  scanner.finish();
  return address;
}

export function readNameAddrs(scanner: Scanner): NameAddr[] {
  const addresses = [readAddress(scanner)];
  while (scanner.take(COMMA)) addresses.push(readAddress(scanner));
  scanner.finish();
  return addresses;
}

function readAddress(scanner: Scanner): NameAddr {
  const first = scanner.next();
  const from = scanner.at;
  if (first === LESS) return bracketed(scanner, from, from);
  if (first === QUOTE) {
    scanner.skipQuoted();
    const to = scanner.at - 1;
    if (scanner.next() !== LESS) scanner.fail('there is no < after the display name');
    return bracketed(scanner, from + 1, to);
  }
  // Either a display name of tokens before "<", or a URI without brackets that ends at ";", "," or a blank.
  const { codes, end } = scanner;
  let at = from;
  let nameless = false;
  let unfit = false;
  for (; at < end; at++) {
    const code = codes[at];
    if (code === LESS || code === SEMICOLON || code === COMMA || code === QUOTE) break;
    // RFC 4475 §3.1.1.6: no blank is needed before "<". UTF-8 without quotes is taken as well: it is common.
    if (code < 128 && (classes[code] & TOKEN) === 0 && !isBlank(code)) nameless = true;
    // RFC 3261 §20: a URI with "?" (or "," or ";") must stand in brackets.
    if (code === QUESTION || code === GREATER) unfit = true;
  }
  const to = trimmedEnd(codes, from, at);
  if (codes[at] === LESS && at < end) {
    if (nameless) scanner.fail('the display name needs quotes');
    scanner.at = at;
    return bracketed(scanner, from, to);
  }
  if (to === from) scanner.fail('there is no URI');
  for (let i = from; i < to; i++) if (isBlank(codes[i])) unfit = true;
  if (unfit) scanner.fail('the URI needs angle brackets');
  scanner.at = at;
  return new ReadNameAddr(scanner, from, from, from, to);
}

function bracketed(scanner: Scanner, nameFrom: number, nameTo: number): NameAddr {
  const { codes, end } = scanner;
  let from = scanner.at + 1;
  const at = scanner.text.indexOf('>', from);
  if (at < 0 || at >= end) scanner.fail('the < is not closed');
  // RFC 4475 §3.1.2.14: blanks inside the brackets are no harm.
  while (from < at && isBlank(codes[from])) from++;
  scanner.at = at + 1;
  return new ReadNameAddr(scanner, nameFrom, nameTo, from, trimmedEnd(codes, from, at));
}

export function formatNameAddr(address: { displayName?: string; uri: SipUri | string; params?: Params }): string {
  const uri = typeof address.uri === 'string' ? address.uri : formatUri(address.uri);
  const name = address.displayName ? `${quote(address.displayName)} ` : '';
  return `${name}<${uri}>${address.params === undefined ? '' : formatParams(address.params)}`;
}
