/**
 * Text as one octet per character, which is what is fast to walk. A header value on the wire is walked where it stands in its
 * datagram; text of other origin gets octets of its own. Positions in text and octets are the same.
 */

/** What a character may be part of; a set of these per octet. */
export const TOKEN = 1;
/** An unquoted parameter value: a token, a host, an IPv6 address, and what URIs and base64 bring into it in the field. */
export const VALUE = 2;
/** The name of a header field: any visible octet of ASCII but the colon, for some are sloppy. */
export const NAME = 4;
/** A host name or IPv4 address. */
export const HOST = 8;
export const USER = 16;
export const PASSWORD = 32;
export const URI_PARAMETER = 64;
export const URI_HEADER = 128;

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const UNRESERVED = `${LETTERS_AND_DIGITS}-_.!~*'()`;

/** The sets each octet belongs to. Those above 127 stand for UTF-8: it is borne where it is common and harms nobody. */
export const classes = new Uint8Array(256);
allow(TOKEN | VALUE, `${LETTERS_AND_DIGITS}-.!%*_+\`'~`);
// Never `;`, `,`, `"`, `<`, `>` or blanks.
allow(VALUE, '[]:@/?=&$()#^{}|\\');
allow(HOST, `${LETTERS_AND_DIGITS}-._`);
// RFC 3261 §25.1; "%" begins an escape and is looked at apart. Beyond the grammar: what dial plans put into user parts.
allow(USER, `${UNRESERVED}&=+$,;?/[]#|^\`{}`);
allow(PASSWORD, `${UNRESERVED}&=+$,:;?/#`);
allow(URI_PARAMETER, `${UNRESERVED}[]/:&+$@`);
allow(URI_HEADER, `${UNRESERVED}[]/?:+$;,@`);
for (let code = 33; code < 127; code++) if (code !== 58) classes[code] |= NAME;
for (let code = 128; code < 256; code++) classes[code] |= VALUE | USER;

/** Each octet, those of capital letters as those of small ones. */
export const folded = new Uint8Array(256);
for (let code = 0; code < 256; code++) folded[code] = code >= 65 && code <= 90 ? code + 32 : code;

function allow(kinds: number, characters: string): void {
  for (const character of characters) classes[character.charCodeAt(0)] |= kinds;
}

/** The octets of `text`, and a zero behind them. Characters beyond Latin-1 become 255: no grammar tells them apart. */
export function codesOf(text: string): Uint8Array {
  const codes = new Uint8Array(text.length + 1);
  for (let i = 0; i < text.length; i++) codes[i] = Math.min(text.charCodeAt(i), 255);
  return codes;
}

export function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

/** Where the blanks from `from` on end. Behind every text stands something that is none. */
export function skipBlanks(codes: Uint8Array, from: number): number {
  let at = from;
  while (isBlank(codes[at])) at++;
  return at;
}

/** Where the text between `from` and `to` ends when the blanks at its end are left out. */
export function trimmedEnd(codes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && isBlank(codes[end - 1])) end--;
  return end;
}

/** Whether the octets from `from` are `word` (ASCII, lower-case letters), case aside. */
export function sameWord(codes: Uint8Array, from: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (folded[codes[from + i]] !== word.charCodeAt(i)) return false;
  return true;
}

export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || (classes[code] & TOKEN) === 0) return false;
  }
  return text.length > 0;
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
