/** What a registrar says of our binding: RFC 3680. */
import { equalUris, parseNameAddr, parseUri, readOr } from '../message/index.ts';
import { scanXml } from './xml.ts';

export const REGINFO_TYPE = 'application/reginfo+xml';

/** `lost`: our Contact is named as terminated, and nowhere as active. `contact`: as we registered it. */
export function bindingIn(document: Uint8Array, contact: string): 'active' | 'lost' | 'unknown' {
  const ours = parseNameAddr(contact).uri;
  let found: 'active' | 'lost' | 'unknown' = 'unknown';
  let state: string | undefined;
  let uri: string | undefined;
  for (const event of scanXml(document) ?? []) {
    if ('open' in event) {
      if (event.open === 'contact') [state, uri] = [event.attributes.get('state'), undefined];
      else if (event.open === 'uri' && state !== undefined) uri = '';
    } else if ('text' in event) {
      if (uri === '') uri = event.text;
    } else if (event.close === 'contact') {
      if (uri !== undefined && names(uri, ours)) {
        if (state === 'active') found = 'active';
        else if (state === 'terminated' && found !== 'active') found = 'lost';
      }
      state = uri = undefined;
    }
  }
  return found;
}

function names(text: string, ours: ReturnType<typeof parseUri>): boolean {
  // The binding of something else.
  return readOr(false, () => equalUris(parseUri(text), ours));
}
