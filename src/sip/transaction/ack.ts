/** Requests made of an INVITE already sent: the ACK to its refusal (RFC 3261 §17.1.1.3) and its CANCEL (§9.1). */
import { createRequest, type SipRequest, type SipResponse } from '../message/index.ts';

type Line = readonly [name: string, value: string];

/** The INVITE's own Via, Request-URI, Call-ID, From and Route; To with the tag of the response. */
export function createAck(invite: SipRequest, response: SipResponse): SipRequest {
  return follow(invite, 'ACK', response.header('To') ?? invite.header('To')!, []);
}

export function createCancel(invite: SipRequest, headers: readonly Line[] = []): SipRequest {
  return follow(invite, 'CANCEL', invite.header('To')!, headers);
}

function follow(invite: SipRequest, method: 'ACK' | 'CANCEL', to: string, more: readonly Line[]): SipRequest {
  const headers: Line[] = [
    ['Via', invite.header('Via')!],
    ...invite.headers('Route').map((value): Line => ['Route', value]),
    ['Max-Forwards', '70'],
    ['From', invite.header('From')!],
    ['To', to],
    ['Call-ID', invite.callId],
    ['CSeq', `${invite.cseq.sequence} ${method}`],
    ...more,
  ];
  return createRequest({ method, uri: invite.uri, headers });
}
