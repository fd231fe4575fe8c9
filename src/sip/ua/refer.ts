/** What a REFER says, RFC 3515 §2.4: whom to call, in whose place, and whether its sender wants to hear of it (RFC 4488). */
import { bare } from '../dialog/index.ts';
import { parseNameAddr, type SipRequest, type SipUri, unescapeUri } from '../message/index.ts';
import type { HeaderField } from './headers.ts';
import type { Refusal } from './inspect.ts';
import { formatReplaces, parseReplaces, type Replaces } from './replaces.ts';

/** A Refer-To or Referred-By beyond this is taken for no address, and so is a target. */
const VALUE_MAX = 1_024;
const TARGET_MAX = 256;

export interface Reference {
  /** A SIP URI, as a Request-URI may have it: without method and headers. */
  target: string;
  replaces?: string;
  /** RFC 3892, as it came. */
  referredBy?: string;
  /** RFC 4488: the sender wants no NOTIFY. */
  silent: boolean;
}

/** The request, read; or why it is not obeyed. May throw `SipSyntaxError`. */
export function readRefer(request: SipRequest): Reference | Refusal {
  const values = request.headers('Refer-To');
  // §2.4.2: exactly one.
  if (values.length !== 1 || values[0].length > VALUE_MAX) return { status: 400, reason: 'One Refer-To Needed' };
  const { uri } = parseNameAddr(values[0], 'Refer-To');
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return { status: 416 };
  if ((uri.params.get('method') ?? 'INVITE').toUpperCase() !== 'INVITE') {
    return { status: 603, reason: 'Only INVITE Is Taken' };
  }
  const target = bare(uri);
  if (target.length > TARGET_MAX) return { status: 414 };
  const replaces = replacesOf(uri);
  const referredBy = request.header('Referred-By');
  return {
    target,
    ...(replaces !== undefined && { replaces }),
    ...(referredBy !== undefined && passable(referredBy) && { referredBy }),
    silent: /^false\b/i.test(request.header('Refer-Sub') ?? ''),
  };
}

/** Whoever is called gets it as it came: nothing that one element may read otherwise than the other. */
const passable = (value: string): boolean => value.length <= VALUE_MAX && !/(?!\t)\p{Cc}/u.test(value);

/** RFC 3261 §19.1.5: of the header fields in a URI only this one is taken over, and only when it can be read. */
function replacesOf(uri: SipUri): string | undefined {
  const found = uri.headers.find(([name]) => name.toLowerCase() === 'replaces');
  return found === undefined ? undefined : formatReplaces(parseReplaces(unescapeUri(found[1])));
}

/** The header fields of an INVITE that follows a REFER. */
export function headersOf({ replaces, referredBy }: Reference): HeaderField[] {
  const headers: HeaderField[] = [];
  if (replaces !== undefined) headers.push(['Replaces', replaces], ['Require', 'replaces']);
  if (referredBy !== undefined) headers.push(['Referred-By', referredBy]);
  return headers;
}

/** The value of a Refer-To; `replaces`: the dialog that the call to `target` is to take the place of. */
export function formatReferTo(target: string, replaces?: Replaces): string {
  if (replaces === undefined) return `<${target}>`;
  return `<${target}?Replaces=${encodeURIComponent(formatReplaces(replaces))}>`;
}
