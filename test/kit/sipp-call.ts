/** The words of a call for SIPp's scenarios: what a caller sends, what is answered, what a message must hold. */
import { recv, send } from './sipp.ts';

export const sdp = (way = 'sendrecv', version = 1): string => `v=0
o=sipp 1 ${version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=${way}`;

/** A request of the caller; `inside` the dialog. `headers`: whole lines; `contact`: parameters of it, as `;isfocus`. */
export function ask(
  method: string,
  sequence: number,
  options: { inside?: boolean; headers?: string; body?: string; contact?: string } = {},
): string {
  const { inside = false, headers = '', body = '', contact = '' } = options;
  const text = `${method} sip:help-07@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
    To: <sip:help-07@[remote_ip]:[remote_port]>${inside ? '[peer_tag_param]' : ''}
    Call-ID: [call_id]
    CSeq: ${sequence} ${method}
    Contact: <sip:sipp@[local_ip]:[local_port]>${contact}
    Max-Forwards: 70
    ${headers}${body && 'Content-Type: application/sdp\n'}Content-Length: [len]

    ${body}`;
  return send(text, method === 'ACK' ? '' : 'retrans="500"');
}

export const ack = (sequence: number, body = ''): string => ask('ACK', sequence, { inside: true, body });

/** An answer to what was received last. `more`: header fields. */
export function reply(
  status: string,
  options: { tag?: string; cseq?: string; more?: string; body?: string; contact?: string } = {},
): string {
  const { tag, cseq = '[last_CSeq:]', more = '', body = '', contact = '' } = options;
  const text = `SIP/2.0 ${status}
    [last_Via:]
    [last_From:]
    [last_To:]${tag === undefined ? '' : `;tag=${tag}`}
    [last_Call-ID:]
    ${cseq}
    Contact: <sip:desk@[local_ip]:[local_port]>${contact}
    ${more}${body && 'Content-Type: application/sdp\n'}Content-Length: [len]

    ${body}`;
  return send(text);
}

/** Fails the call unless the message last received matches. */
export const must = (pattern: string, name: string): string =>
  `<ereg regexp="${pattern}" search_in="msg" check_it="true" assign_to="${name}"/><log message="[$${name}]"/>`;

export const hangUp = (sequence: number): string[] => [ask('BYE', sequence, { inside: true }), recv(200)];
export const answered = [recv(100, 'optional="true"'), recv(180, 'optional="true"'), recv(200, 'rrs="true"')];
