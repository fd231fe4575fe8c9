/** When two URIs are the same, RFC 3261 §19.1.4. */
import { type SipUri, unescapeUri } from './uri.ts';

/** A parameter that, standing in only one of the two, makes them different. */
const DECISIVE = ['user', 'ttl', 'method', 'maddr', 'transport'];
const RESERVED = /[;/?:@&=+$,%]/;

export function equalUris(a: SipUri, b: SipUri): boolean {
  if (a.scheme !== b.scheme) return false;
  if (a.opaque !== undefined || b.opaque !== undefined) return a.opaque === b.opaque;
  return (
    canonical(a.user) === canonical(b.user) &&
    canonical(a.password) === canonical(b.password) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    equalParams(a, b) &&
    equalHeaders(a, b)
  );
}

/** An escape equals the character it stands for, unless that one is reserved: then it is kept, in upper case. */
function canonical(part: string | undefined): string | undefined {
  return part?.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const plain = unescapeUri(run);
    return RESERVED.test(plain) || /[^\x20-\x7e]/.test(plain)
      ? run.replace(/%../g, (one) => {
          const character = unescapeUri(one);
          return RESERVED.test(character) || /[^\x20-\x7e]/.test(character) || character === one
            ? one.toUpperCase()
            : character;
        })
      : plain;
  });
}

function equalParams(a: SipUri, b: SipUri): boolean {
  for (const name of DECISIVE) if (a.params.has(name) !== b.params.has(name)) return false;
  for (const [name, value] of a.params) {
    const other = b.params.get(name);
    if (other === undefined) continue;
    if (canonical(value ?? '')!.toLowerCase() !== canonical(other ?? '')!.toLowerCase()) return false;
  }
  return true;
}

/** Order does not matter; a header in one only does. */
function equalHeaders(a: SipUri, b: SipUri): boolean {
  if (a.headers.length !== b.headers.length) return false;
  const flat = (uri: SipUri) =>
    uri.headers.map(([name, value]) => `${canonical(name)!.toLowerCase()}=${canonical(value)}`).sort();
  const others = flat(b);
  return flat(a).every((header, i) => header === others[i]);
}
