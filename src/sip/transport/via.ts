/** Where a request came from is written on its Via, and answers go back there: RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4. */
import {
  formatVia,
  type Hop,
  type HostPort,
  type SipMessage,
  type SipResponse,
  SipSyntaxError,
  splitList,
} from '../message/index.ts';

export const SIP_PORT = 5060;
export const SIPS_PORT = 5061;

/** Puts `received` and `rport` on the top Via, or takes a lie about them off. A Via that cannot be read stays. */
export function stampVia(message: SipMessage, remote: HostPort): void {
  try {
    const { via } = message;
    const rport = via.params.has('rport') ? String(remote.port) : undefined;
    // RFC 3581 §4: with rport, received is always there.
    const elsewhere = rport !== undefined || via.host.toLowerCase() !== remote.host.toLowerCase();
    const received = elsewhere ? remote.host : undefined;
    if (via.params.get('rport') === rport && via.params.get('received') === received) return;
    if (received !== undefined && message.stampVia(received, remote.port)) return;
    // Somebody says something about himself that he cannot know.
    const params = new Map(via.params);
    params.delete('received');
    if (rport !== undefined) params.set('rport', rport);
    if (received !== undefined) params.set('received', received);
    const [, ...others] = splitList(message.header('Via')!);
    message.setFirst('Via', [formatVia({ ...via, params }), ...others].join(', '));
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
  }
}

/**
 * The address an answer goes to when it cannot go back on the connection its request came by. The host is always the one
 * the request came from (`stampVia` wrote it into the Via): a Via, or its `maddr`, never makes us send to a third party.
 */
export function responseTarget(response: SipResponse, hop: Hop): HostPort {
  const { host } = hop.remote;
  try {
    const { via } = response;
    const rport = Number(via.params.get('rport'));
    // An ephemeral port of a stream that is gone cannot be called: there the sent-by port counts.
    if (hop.transport === 'udp' && rport > 0 && rport < 65536) return { host, port: rport };
    return { host, port: via.port || (hop.transport === 'tls' ? SIPS_PORT : SIP_PORT) };
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
    return hop.remote;
  }
}
