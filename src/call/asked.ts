/**
 * Does this INVITE ask to be answered without a hand? RFC 5373 for Answer-Mode and Priv-Answer-Mode; the rest is the
 * custom of PBXs, none of it written in an RFC and half of it outside the grammar, so values are read as loosely as phones do.
 */
import type { SipRequest } from '../sip/message/index.ts';
import type { Asked, Incoming } from '../terminal/types.ts';

export type { Asked };

/** What callers may ask for at most: a longer delay is cut to it. */
const maxDelaySeconds = 60;

/** Words of Alert-Info that stand for "answer at once", bare, as its `info` or in place of its URI; lower case. */
const alertWords = new Set([
  'ring answer',
  'ring-answer',
  'auto answer',
  'auto-answer',
  'alert-autoanswer',
  'autoanswer',
  'ringanswer',
  'intercom',
  'direct-intercom',
]);

const modeHeaders = ['Priv-Answer-Mode', 'Answer-Mode'];

/**
 * RFC 5373: the mode a header asks for, and whether it may be passed over. Every line of the name is looked at, the first known
 * mode counts.
 */
function modeOf(request: SipRequest, name: string): { mode: 'auto' | 'manual'; required: boolean } | undefined {
  for (const value of request.headers(name)) {
    const [word, ...params] = value.split(';').map((part) => part.trim().toLowerCase());
    if (word === 'auto' || word === 'manual') return { mode: word, required: params.includes('require') };
  }
  return undefined;
}

/** The caller wants a person to answer, which outranks the customs. */
export function askedForHand(request: SipRequest): Incoming['manual'] {
  for (const name of modeHeaders) {
    const asked = modeOf(request, name);
    if (asked === undefined) continue;
    return asked.mode === 'manual' ? { header: `${name} Manual`, required: asked.required } : undefined;
  }
  return undefined;
}

/** Undefined when nobody asked, or when the caller wants a person to answer. */
export function askedToAnswer(request: SipRequest): Asked | undefined {
  for (const name of modeHeaders) {
    const asked = modeOf(request, name);
    if (asked?.mode === 'manual') return undefined;
    if (asked) return { header: `${name} Auto`, afterMs: 0, ...(asked.required && { required: true }) };
  }
  return (
    first(request.list('Call-Info'), callInfo) ??
    first(request.list('Alert-Info'), alertInfo) ??
    (request.header('P-Auto-Answer')?.trim().toLowerCase() === 'normal'
      ? { header: 'P-Auto-Answer', afterMs: 0 }
      : undefined) ??
    (/;intercom=true(?:[;?]|$)/i.test(request.uri) ? { header: 'Request-URI intercom=true', afterMs: 0 } : undefined)
  );
}

function first(values: readonly string[], ask: (value: InfoValue) => Asked | undefined): Asked | undefined {
  for (const value of values) {
    const asked = ask(infoValue(value));
    if (asked) return asked;
  }
  return undefined;
}

function callInfo({ params }: InfoValue): Asked | undefined {
  const after = seconds(params.get('answer-after'));
  return after === undefined ? undefined : { header: 'Call-Info answer-after', afterMs: after * 1000 };
}

function alertInfo({ uri, word, params }: InfoValue): Asked | undefined {
  const info = params.get('info')?.toLowerCase();
  if (info !== undefined && alertWords.has(info)) {
    const delay = params.get('delay');
    const after = seconds(delay ?? '0');
    if (after === undefined) return undefined;
    return {
      header: `Alert-Info info=${params.get('info')}`,
      afterMs: after * 1000,
      ...(info === 'alert-autoanswer' && delay === undefined && { undelayed: true }),
    };
  }
  if (alertWords.has(word)) return { header: `Alert-Info ${word}`, afterMs: 0 };
  const place = uri.toLowerCase();
  if (place === 'auto' || alertWords.has(place)) return { header: `Alert-Info <${place}>`, afterMs: 0 };
  return undefined;
}

/** A whole number of seconds, at most `maxDelaySeconds`; anything else is no number and asks for nothing. */
function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Math.min(Number(value), maxDelaySeconds) : undefined;
}

/** `<uri>;name=value`, `;name=value`, `name=value` or bare words: all of them are sent. */
interface InfoValue {
  uri: string;
  /** What stands before the first `;` when it is no URI: lower case, blanks folded. */
  word: string;
  params: Map<string, string>;
}

function infoValue(value: string): InfoValue {
  // Strangers write these before any rule is asked, so every step is linear: a bracket or quote that is never closed ends
  // with the value, and no other is looked for.
  const open = value.indexOf('<');
  const close = open < 0 ? -1 : value.indexOf('>', open);
  const uri = close < 0 ? '' : value.slice(open + 1, close);
  const rest = close < 0 ? value : value.slice(0, open) + value.slice(close + 1);
  // Quoted strings are somebody's words, not ours to read: a trap that a display name or a note can set. A plain one that is
  // the whole value of a parameter is that value.
  const pieces = rest
    .replace(/(=[ \t]*)?"((?:\\.|[^"\\])*)(?:"|\\?$)/gs, (_, equals: string | undefined, text: string) =>
      equals !== undefined && /^[\w -]*$/.test(text) ? `=${text}` : `${equals ?? ''}"`,
    )
    .split(';');
  const params = new Map<string, string>();
  for (const piece of pieces) {
    const equals = piece.indexOf('=');
    if (equals < 0) continue;
    const name = piece.slice(0, equals).trim().toLowerCase();
    if (!params.has(name)) params.set(name, piece.slice(equals + 1).trim());
  }
  return { uri, word: pieces[0]!.trim().toLowerCase().replace(/\s+/g, ' '), params };
}
