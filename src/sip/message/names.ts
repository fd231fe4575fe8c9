/** Header field names: case does not matter, and twenty of them have a compact form (RFC 3261 §7.3.3 and the IANA table). */
import { classes, codesOf, folded, NAME } from './codes.ts';

const TAB = 9;
const SPACE = 32;
const COLON = 58;

/** A name. Of each known one there is one object, so that names are compared as such; of the others there may be many. */
export interface HeaderName {
  /** Long form, lower case. */
  readonly key: string;
  /** As it is written on the wire. */
  readonly written: string;
  readonly known: boolean;
  /** A bit of its own for each that may stand once only (RFC 4475 §3.3.8), else 0. */
  readonly once: number;
}

/** As they are written on the wire. Position 0 of each row is the letter of the compact form, `-` for none. */
const WRITTEN = [
  '- Accept, a Accept-Contact, - Accept-Encoding, - Accept-Language, - Alert-Info, - Allow, u Allow-Events, - Answer-Mode',
  '- Authentication-Info, - Authorization, i Call-ID, - Call-Info, m Contact, - Content-Disposition, e Content-Encoding',
  '- Content-Language, l Content-Length, c Content-Type, - CSeq, - Date, - Error-Info, o Event, - Expires, f From',
  '- History-Info, y Identity, n Identity-Info, - In-Reply-To, - Join, - Max-Forwards, - MIME-Version, - Min-Expires',
  '- Min-SE, - Organization, - P-Asserted-Identity, - P-Preferred-Identity, - Path, - Priority, - Priv-Answer-Mode',
  '- Privacy, - Proxy-Authenticate, - Proxy-Authorization, - Proxy-Require, - RAck, - Reason, - Record-Route, - Refer-Sub, r Refer-To',
  'b Referred-By, j Reject-Contact, - Replaces, - Reply-To, d Request-Disposition, - Require, - Retry-After, - Route',
  '- RSeq, - Server, - Service-Route, x Session-Expires, - SIP-ETag, - SIP-If-Match, s Subject, - Subscription-State',
  'k Supported, - Timestamp, t To, - Unsupported, - User-Agent, v Via, - Warning, - WWW-Authenticate',
]
  .join(', ')
  .split(', ')
  .map((entry) => ({ compact: entry[0] === '-' ? undefined : entry[0], name: entry.slice(2) }));

const ONCE = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'Content-Type', 'Content-Length', 'Expires'];

/** By every usual spelling: as written, lower case, compact in either case. */
const names = new Map<string, HeaderName>();

/** How a name may look on the wire, in lower case. Others that begin with the same two letters are linked. */
export interface Look {
  readonly codes: Uint8Array;
  readonly name: HeaderName;
  readonly next: Look | undefined;
}

/** Known names by their first two letters, so that one on the wire is recognised without making a string of it. */
const looks: (Look | undefined)[] = new Array(1024).fill(undefined);

function slot(first: number, second: number): number {
  return ((first & 31) << 5) | (second & 31);
}

// Backwards, as each is put before the others: of names that begin alike the short ones are met first.
for (const { name: written, compact } of WRITTEN.toSorted((a, b) => b.name.length - a.name.length)) {
  const key = written.toLowerCase();
  const name: HeaderName = { key, written, known: true, once: ONCE.includes(written) ? 1 << ONCE.indexOf(written) : 0 };
  names.set(written, name);
  for (const look of compact === undefined ? [key] : [key, compact]) {
    names.set(look, name).set(look.toUpperCase(), name);
    const codes = codesOf(look).subarray(0, look.length);
    // Behind a compact form stands the colon, or a blank before it.
    for (const second of look.length > 1 ? [codes[1]] : [COLON, SPACE, TAB]) {
      const place = slot(codes[0], second);
      looks[place] = { codes, name, next: looks[place] };
    }
  }
}

export function headerName(text: string): HeaderName {
  const name = names.get(text);
  if (name !== undefined) return name;
  return names.get(text.toLowerCase()) ?? otherName(text);
}

/** A name that is none of the known ones. */
export function otherName(text: string): HeaderName {
  const key = text.toLowerCase();
  return { key, written: key, known: false, once: 0 };
}

/** The known name that stands in `codes` at `from`, whatever its case. */
export function findName(codes: Uint8Array, from: number): Look | undefined {
  let look = looks[slot(codes[from], codes[from + 1])];
  while (look !== undefined && !stands(look.codes, codes, from)) look = look.next;
  return look;
}

function stands(look: Uint8Array, codes: Uint8Array, from: number): boolean {
  const { length } = look;
  // Names that begin alike mostly differ in length: that is cheaper to see than their letters.
  if ((classes[codes[from + length]] & NAME) !== 0) return false;
  for (let i = 0; i < length; i++) if (folded[codes[from + i]] !== look[i]) return false;
  return true;
}
