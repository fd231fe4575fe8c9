/** Header field names: case does not matter, and twenty of them have a compact form (RFC 3261 §7.3.3 and the IANA table). */
import { codesOf } from './codes.ts';

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
  '- Privacy, - Proxy-Authenticate, - Proxy-Authorization, - Proxy-Require, - RAck, - Reason, - Record-Route, r Refer-To',
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

/** How a name may look on the wire, in lower case; others with the same slot are linked. */
interface Look {
  readonly codes: Uint8Array;
  readonly name: HeaderName;
  readonly next: Look | undefined;
}

/** Known names by length, first and last letter, so that one on the wire is recognised without making a string of it. */
const looks: (Look | undefined)[] = new Array(2048).fill(undefined);

function slot(length: number, first: number, last: number): number {
  return ((length << 6) ^ ((first & 31) << 4) ^ (last & 31)) & 2047;
}

for (const { name: written, compact } of WRITTEN) {
  const key = written.toLowerCase();
  const name: HeaderName = { key, written, known: true, once: ONCE.includes(written) ? 1 << ONCE.indexOf(written) : 0 };
  names.set(written, name);
  for (const look of compact === undefined ? [key] : [key, compact]) {
    names.set(look, name).set(look.toUpperCase(), name);
    const codes = codesOf(look).subarray(0, look.length);
    const place = slot(codes.length, codes[0], codes[codes.length - 1]);
    looks[place] = { codes, name, next: looks[place] };
  }
}

export function headerName(text: string): HeaderName {
  const name = names.get(text);
  if (name !== undefined) return name;
  const key = text.toLowerCase();
  return names.get(key) ?? { key, written: key, known: false, once: 0 };
}

/** `headerName` of what stands in `codes` and `text` between `from` and `to`: at least one character of class `NAME`. */
export function readHeaderName(codes: Uint8Array, text: string, from: number, to: number): HeaderName {
  const length = to - from;
  let look = looks[slot(length, codes[from], codes[to - 1])];
  for (; look !== undefined; look = look.next) {
    if (look.codes.length === length && matches(look.codes, codes, from)) return look.name;
  }
  return headerName(text.slice(from, to));
}

/** Known names are letters and dashes, and no other character of a name becomes one of these by the bit of lower case. */
function matches(look: Uint8Array, codes: Uint8Array, from: number): boolean {
  for (let i = 0; i < look.length; i++) if ((codes[from + i] | 32) !== look[i]) return false;
  return true;
}
