/**
 * A SIP message without what lets somebody in: digest answers, passwords in URIs, SRTP and ICE keys. Every character taken
 * out leaves an `x`, so that lengths still fit. What is not understood in a line of credentials is taken out, too.
 */

/** Of credentials, what an engineer needs to see and nobody can use. */
const SHOWN: ReadonlySet<string> = new Set([
  ...['username', 'realm', 'nonce', 'uri', 'algorithm', 'qop', 'nc', 'opaque', 'stale'],
]);
const CREDENTIALS =
  /^((?:proxy-)?authorization|(?:proxy-)?authentication-info)([ \t:]+|(?=\r?\n[ \t]))([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)/gim;
const PARAMETER = /([\w!%*+.~-]+)(\s*=\s*)("(?:[^"\\]|\\.)*"?|[^\s,"]*)/g;
const URI_PASSWORD = /(sips?:[^\s:@<>,"]{0,256}:)([^\s@<>"]{1,512})(?=@)/gi;
/** RFC 3261 §19.1.1: header fields inside a URI. */
const IN_URI = /([?&](?:proxy-)?authorization=)([^&>\s"]+)/gi;
const SDES_KEY = /(inline[ \t]*:[ \t]*)(\S+)/gi;
const CRYPTO_LINE = /^([ \t]*a[ \t]*=[ \t]*crypto\b)([^\r\n]*)/gim;
/** In such a line: its tag, a suite, a parameter. */
const CRYPTO_WORD = /^:?(?:\d{1,9}|-?[a-z0-9]{1,12}(?:_[a-z0-9]{1,12})+|-?[a-z_]{1,12}=\d{1,9})$/i;
const SECRET_LINE = /^([ \t]*(?:k[ \t]*=|a[ \t]*=[ \t]*(?:key-mgmt|ice-pwd)[ \t]*:))([^\r\n]*)/gim;

const masked = (text: string): string => text.replace(/[^\s]/g, 'x');

/** `text`: a message, each octet a character (latin1). */
export function redact(text: string): string {
  return text
    .replace(CREDENTIALS, (_all, name: string, colon: string, value: string) => name + colon + credentials(value))
    .replace(IN_URI, (_all, name: string, value: string) => name + masked(value))
    .replace(URI_PASSWORD, (_all, before: string, password: string) => before + masked(password))
    .replace(CRYPTO_LINE, (_all, name: string, value: string) => name + crypto(value))
    .replace(SDES_KEY, (_all, word: string, key: string) => word + masked(key))
    .replace(SECRET_LINE, (_all, name: string, value: string) => name + masked(value));
}

function crypto(value: string): string {
  return value.replace(/(inline[ \t]*:[ \t]*)?(\S+)/gi, (_all, inline: string | undefined, word: string) =>
    inline === undefined ? (CRYPTO_WORD.test(word) ? word : masked(word)) : inline + masked(word),
  );
}

function credentials(value: string): string {
  const scheme = /^digest(?=\s)/i.exec(value)?.[0] ?? '';
  // Authentication-Info has parameters alone.
  if (scheme === '' && !/^[\w-]+\s*=/.test(value)) return masked(value);
  let shown = scheme;
  let end = scheme.length;
  for (const match of value.matchAll(PARAMETER)) {
    if (match.index < end) continue;
    const [all, name, equals, text] = match;
    // A quote that ends somewhere else than it should may hold the rest of the line.
    const sound = !/["\\=]/.test(text.replace(/^"|"$/g, '')) || name.toLowerCase() === 'uri';
    const plain = SHOWN.has(name.toLowerCase()) && sound && !/response/i.test(text);
    shown += value.slice(end, match.index).replace(/[^\s,]/g, 'x') + name + equals;
    shown += plain || text === '' ? text : text.startsWith('"') ? `"${masked(text.slice(1, -1))}"` : masked(text);
    end = match.index + all.length;
  }
  return shown + value.slice(end).replace(/[^\s,]/g, 'x');
}
