/** What every request is asked before it is looked at closer, in the order of RFC 3261 §8.2. */
import { bodyPart, findPart, type SipRequest } from '../message/index.ts';
import { ACCEPT, ALLOW, accepts, BODY_TYPE, EXTENSIONS, type HeaderField, KNOWN_METHODS, METHODS } from './headers.ts';
import { replacesMisused } from './replaces.ts';
import { refuseInterval } from './session-timer.ts';

export interface Refusal {
  status: number;
  headers?: readonly HeaderField[];
  reason?: string;
}

/** Methods whose body we read, so that its type matters. */
const WITH_OFFER: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'PRACK']);
/** Bodies of INFO that are a digit to somebody: the call reads them. */
const INFO_TYPES = ['application/dtmf-relay', 'application/dtmf', 'application/vnd.nortelnetworks.digits'];

/** Why the request cannot be served, or undefined. ACK and CANCEL are never asked. */
export function inspect(request: SipRequest): Refusal | undefined {
  return (
    refuseMethod(request) ??
    refuseScheme(request) ??
    refuseExtension(request) ??
    refuseReplaces(request) ??
    refuseInterval(request) ??
    refuseBody(request) ??
    refuseAnswer(request)
  );
}

/** §8.2.1 */
function refuseMethod({ method }: SipRequest): Refusal | undefined {
  if ((METHODS as readonly string[]).includes(method)) return undefined;
  return { status: KNOWN_METHODS.has(method) ? 405 : 501, headers: [ALLOW] };
}

/** §8.2.2.1 */
function refuseScheme(request: SipRequest): Refusal | undefined {
  const { scheme } = request.parsedUri();
  return scheme === 'sip' || scheme === 'sips' ? undefined : { status: 416 };
}

/** §8.2.2.3: what is required and not known is named. Proxy-Require is no business of ours. */
function refuseExtension(request: SipRequest): Refusal | undefined {
  const unknown = request.list('Require').filter((tag) => !EXTENSIONS.includes(tag.toLowerCase()));
  return unknown.length === 0 ? undefined : { status: 420, headers: [['Unsupported', unknown.join(', ')]] };
}

/** RFC 3891 §3 */
function refuseReplaces(request: SipRequest): Refusal | undefined {
  return replacesMisused(request) ? { status: 400, reason: 'Replaces Misused' } : undefined;
}

/** §8.2.3, and §8.1.1.8 for the Contact without which no dialog can be. */
function refuseBody(request: SipRequest): Refusal | undefined {
  if (request.method === 'INVITE' && !['sip', 'sips'].includes(request.contacts[0]?.uri.scheme ?? ''))
    return { status: 400, reason: 'SIP Contact Missing' };
  // RFC 6086 §4.2.3: no info package is known here; INFO without one is the old kind.
  if (request.method === 'INFO' && request.has('Info-Package')) return { status: 469, headers: [['Recv-Info', '']] };
  const informs = request.method === 'INFO';
  if (request.body.length === 0 || !(informs || WITH_OFFER.has(request.method))) return undefined;
  if (/;\s*handling\s*=\s*optional/i.test(request.header('Content-Disposition') ?? '')) return undefined;
  const encoding = (request.header('Content-Encoding') ?? 'identity').toLowerCase();
  if (encoding !== 'identity') return { status: 415, headers: [['Accept-Encoding', 'identity']] };
  const type = request.contentType;
  // RFC 2976 §2.2: what is not understood is said so; without a type it is taken, and means nothing.
  if (informs)
    return type === undefined || INFO_TYPES.includes(type)
      ? undefined
      : { status: 415, headers: [['Accept', INFO_TYPES.join(', ')]] };
  if (type === undefined || type === BODY_TYPE) return undefined;
  // RFC 5621 §5: of several parts only what must be understood is asked for. Parts that cannot be cut get 400.
  if (type.startsWith('multipart/') && findPart(bodyPart(request), BODY_TYPE).unknown === undefined) return undefined;
  return { status: 415, headers: [ACCEPT] };
}

/** §21.4.7: a caller that takes no answer of our kind. */
function refuseAnswer(request: SipRequest): Refusal | undefined {
  return WITH_OFFER.has(request.method) && !accepts(request, BODY_TYPE) ? { status: 406 } : undefined;
}
