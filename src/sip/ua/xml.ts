/**
 * As much XML as event bodies need. Written with every value escaped; read by one pass over tags, attributes and text,
 * with caps: no DTD, no entities of anybody's own, nothing nested in memory.
 */

/** Longer documents and more elements are not read. */
export const XML_BYTES_MAX = 64 * 1024;
const XML_ELEMENTS_MAX = 2_000;
const ATTRIBUTES_MAX = 32;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** For text and attribute values. What XML 1.0 cannot hold at all becomes a question mark. */
export function escapeXml(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, '?');
  return clean.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

export type XmlEvent =
  /** `name` without its prefix. */
  { open: string; attributes: ReadonlyMap<string, string> } | { close: string } | { text: string };

/** The document as a flat list, or undefined when it is none, or one of those that are not read. */
export function scanXml(bytes: Uint8Array): XmlEvent[] | undefined {
  if (bytes.length > XML_BYTES_MAX) return undefined;
  const text = new TextDecoder().decode(bytes);
  const events: XmlEvent[] = [];
  for (let at = 0; at < text.length; ) {
    const tag = text.indexOf('<', at);
    const between = decode(text.slice(at, tag < 0 ? text.length : tag)).trim();
    if (between !== '') events.push({ text: between });
    if (tag < 0) break;
    if (text.startsWith('<!--', tag) || text.startsWith('<?', tag)) {
      const mark = text[tag + 1] === '?' ? '?>' : '-->';
      const end = text.indexOf(mark, tag + 2);
      if (end < 0) return undefined;
      at = end + mark.length;
      continue;
    }
    // A DOCTYPE may define entities, a CDATA section needs nobody here.
    if (text[tag + 1] === '!') return undefined;
    const end = endOfTag(text, tag + 1);
    if (end < 0 || events.length >= XML_ELEMENTS_MAX) return undefined;
    if (!readTag(text.slice(tag + 1, end), events)) return undefined;
    at = end + 1;
  }
  return events;
}

/** The `>` that ends the tag: one within quotes does not. */
function endOfTag(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at;
  }
  return -1;
}

function readTag(tag: string, events: XmlEvent[]): boolean {
  if (tag.startsWith('/')) {
    events.push({ close: local(tag.slice(1).trim()) });
    return true;
  }
  const empty = tag.endsWith('/');
  const name = /^[^\s/=<>"']+/.exec(tag)?.[0];
  if (name === undefined) return false;
  const attributes = new Map<string, string>();
  let at = name.length;
  for (;;) {
    const start = skip(tag, at);
    const equals = tag.indexOf('=', start);
    if (equals < 0) break;
    const open = skip(tag, equals + 1);
    const close = tag[open] === '"' || tag[open] === "'" ? tag.indexOf(tag[open], open + 1) : -1;
    if (close < 0 || attributes.size >= ATTRIBUTES_MAX) return false;
    attributes.set(local(tag.slice(start, equals).trim()), decode(tag.slice(open + 1, close)));
    at = close + 1;
  }
  events.push({ open: local(name), attributes });
  if (empty) events.push({ close: local(name) });
  return true;
}

function skip(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n'.includes(text[at])) at++;
  return at;
}

const local = (name: string): string => name.slice(name.indexOf(':') + 1);

/** The five that every document knows; others stay as they are written. */
function decode(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name) => {
    return Object.keys(ESCAPES).find((character) => ESCAPES[character] === `&${name};`) ?? whole;
  });
}
