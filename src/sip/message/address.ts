/** `name-addr` and `addr-spec`: the values of From, To, Contact, Route, Record-Route, Refer-To... (RFC 3261 §20.10, §25.1) */
import { formatParams, isToken, type Params, quote, Scanner } from './scanner.ts';
import { formatUri, parseUri, type SipUri } from './uri.ts';

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

class ParsedNameAddr implements NameAddr {
  readonly displayName: string;
  readonly uriText: string;
  readonly params: Params;
  #uri?: SipUri;

  constructor(displayName: string, uriText: string, params: Params) {
    this.displayName = displayName;
    this.uriText = uriText;
    this.params = params;
  }

  get uri(): SipUri {
    this.#uri ??= parseUri(this.uriText);
    return this.#uri;
  }
}

/** One value; `what` names the header field in errors. */
export function parseNameAddr(text: string, what = 'address'): NameAddr {
  const scanner = new Scanner(text, what);
  const address = readAddress(scanner);
  scanner.end();
  return address;
}

/** A comma-separated list of values, at least one. */
export function parseNameAddrs(text: string, what: string): NameAddr[] {
  const scanner = new Scanner(text, what);
  const addresses = [readAddress(scanner)];
  while (scanner.take(44)) addresses.push(readAddress(scanner));
  scanner.end();
  return addresses;
}

function readAddress(scanner: Scanner): NameAddr {
  const { text } = scanner;
  const first = scanner.next();
  if (first === 34) {
    const displayName = scanner.quoted();
    if (scanner.next() !== 60) scanner.fail('there is no < after the display name');
    return bracketed(scanner, displayName);
  }
  if (first === 60) return bracketed(scanner, '');
  // Either a display name of tokens before "<", or a URI without brackets that ends at ";", "," or a blank.
  let at = scanner.at;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 60 || code === 59 || code === 44 || code === 34) break;
  }
  if (text.charCodeAt(at) === 60) {
    const displayName = text.slice(scanner.at, at).trim();
    // RFC 4475 §3.1.1.6: no blank is needed before "<". UTF-8 without quotes is taken as well: it is common.
    if (!displayName.split(/[ \t]+/).every((word) => isToken(word.replace(/[\u0080-\uffff]/g, 'x')))) {
      scanner.fail('the display name needs quotes');
    }
    scanner.at = at;
    return bracketed(scanner, displayName);
  }
  const uriText = text.slice(scanner.at, at).trimEnd();
  // RFC 3261 §20: a URI with "?" (or "," or ";") must stand in brackets.
  if (uriText === '') scanner.fail('there is no URI');
  if (/[\s?>]/.test(uriText)) scanner.fail('the URI needs angle brackets');
  scanner.at = at;
  return new ParsedNameAddr('', uriText, scanner.params());
}

function bracketed(scanner: Scanner, displayName: string): NameAddr {
  const from = scanner.at + 1;
  const to = scanner.text.indexOf('>', from);
  if (to < 0) scanner.fail('the < is not closed');
  // RFC 4475 §3.1.2.14: blanks inside the brackets are no harm.
  const uriText = scanner.text.slice(from, to).trim();
  scanner.at = to + 1;
  return new ParsedNameAddr(displayName, uriText, scanner.params());
}

export function formatNameAddr(address: { displayName?: string; uri: SipUri | string; params?: Params }): string {
  const uri = typeof address.uri === 'string' ? address.uri : formatUri(address.uri);
  const name = address.displayName ? `${quote(address.displayName)} ` : '';
  return `${name}<${uri}>${address.params === undefined ? '' : formatParams(address.params)}`;
}
