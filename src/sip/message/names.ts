/** Header field names: case does not matter, and twenty of them have a compact form (RFC 3261 §7.3.3 and the IANA table). */

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

const keys = new Map<string, string>();
const written = new Map<string, string>();
/** Known names by length and first letter, so that a name on the wire is recognised without making a string of it. */
const buckets: { key: string; codes: Uint8Array }[][] = Array.from({ length: 1024 }, () => []);
/** Compact forms by character code. */
const compact: (string | undefined)[] = new Array(128).fill(undefined);

const slot = (length: number, firstCode: number): number => ((length & 31) << 5) | (firstCode & 31);

for (const { name, compact: letter } of WRITTEN) {
  const key = name.toLowerCase();
  keys.set(name, key).set(key, key);
  written.set(key, name);
  const codes = Uint8Array.from(key, (letter) => letter.charCodeAt(0));
  buckets[slot(key.length, codes[0])].push({ key, codes });
  if (letter === undefined) continue;
  keys.set(letter, key).set(letter.toUpperCase(), key);
  compact[letter.charCodeAt(0)] = key;
  compact[letter.toUpperCase().charCodeAt(0)] = key;
}

/** The one key of a header field name: long form, lower case. */
export function headerKey(name: string): string {
  const key = keys.get(name);
  if (key !== undefined) return key;
  const lower = name.toLowerCase();
  return keys.get(lower) ?? lower;
}

/** How the name of `key` is written: `call-id` gives `Call-ID`; unknown ones stay as they are. */
export function headerName(key: string): string {
  return written.get(key) ?? key;
}

/** `headerKey` of the name that stands in `bytes` (and, as Latin-1, in `text`) between `from` and `to`. */
export function headerKeyOf(bytes: Uint8Array, text: string, from: number, to: number): string {
  const length = to - from;
  const first = bytes[from];
  if (length === 1) return (first < 128 ? compact[first] : undefined) ?? text[from].toLowerCase();
  const candidates = buckets[slot(length, first)];
  for (let i = 0; i < candidates.length; i++) {
    const { codes, key } = candidates[i];
    if (codes.length === length && matches(codes, bytes, from)) return key;
  }
  return text.slice(from, to).toLowerCase();
}

function matches(codes: Uint8Array, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < codes.length; i++) {
    const code = bytes[from + i];
    if (code === codes[i]) continue;
    if (code < 65 || code > 90 || (code | 32) !== codes[i]) return false;
  }
  return true;
}
