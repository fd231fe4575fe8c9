/** Which transaction a message belongs to: RFC 3261 §17.1.3 (responses), §17.2.3 (requests), §9.2 (CANCEL). */
import { detach, formatHostPort, type SipRequest, type SipResponse } from '../message/index.ts';

export const BRANCH_COOKIE = 'z9hG4bK';

/** Branch and CSeq method: an INVITE and its CANCEL share the branch. */
export function clientKey(message: SipRequest | SipResponse): string {
  return `c|${message.via.params.get('branch') ?? ''}|${message.cseq.method}`;
}

/** `method`: instead of the request's own, to find the INVITE of an ACK or CANCEL. */
export function serverKey(request: SipRequest, method: string = request.method): string {
  const { via } = request;
  const branch = via.params.get('branch');
  // RFC 3261 §17.2.3: branch, sent-by and method. The cookie alone (RFC 4475 §3.2.1) names no transaction.
  if (branch?.toLowerCase().startsWith('z9hg4bk') && branch.length > BRANCH_COOKIE.length) {
    return detach(`s|${branch}|${formatHostPort(via.host.toLowerCase(), via.port ?? 5060)}|${method}`);
  }
  // RFC 2543 peers: Request-URI, From tag, Call-ID, CSeq number and the top Via. The To tag is left out, so that an ACK,
  // which carries the tag of our answer, finds its INVITE by the same key.
  const sentBy = `${via.transport} ${formatHostPort(via.host.toLowerCase(), via.port ?? 5060)} ${branch ?? ''}`;
  const { fromTag = '', callId, cseq } = request;
  return detach(['o', request.uri, fromTag, callId, cseq.sequence, sentBy, method].join('|'));
}
