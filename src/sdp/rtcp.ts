/** What an audio line says of RTCP: on the port of RTP (RFC 5761), and which extended reports are wanted (RFC 3611 §5.1). */
import { type Attribute, attribute, type MediaDescription } from './description.ts';

export interface RtcpAgreed {
  /** RTCP goes by the port of RTP. */
  muxed: boolean;
  /** The other side wants to know how well it is heard. */
  extendedReports: boolean;
}

const MUX: Attribute = { name: 'rtcp-mux' };
const WANTED: Attribute = { name: 'rtcp-xr', value: 'voip-metrics' };

/** `security`: what the line says of keys; DTLS has decided on the port itself, for its association stands on it. */
export function offeredRtcp(security: readonly Attribute[]): Attribute[] {
  return security.some(({ name }) => name === 'setup') ? [WANTED] : [MUX, WANTED];
}

export function answeredRtcp(offer: MediaDescription, security: readonly Attribute[]): Attribute[] {
  const mux = attribute(offer, 'rtcp-mux') !== undefined && !security.some(({ name }) => name === 'setup');
  return [...(mux ? [MUX] : []), ...(attribute(offer, 'rtcp-xr') === undefined ? [] : [WANTED])];
}

/** `ours`: the line of our offer; absent: theirs is the offer, and we answer what it says. */
export function agreedRtcp(theirs: MediaDescription, ours?: MediaDescription): RtcpAgreed {
  const muxed = [theirs, ours ?? theirs].every((line) => attribute(line, 'rtcp-mux') !== undefined);
  return { muxed, extendedReports: /(^|\s)voip-metrics\b/i.test(attribute(theirs, 'rtcp-xr') ?? '') };
}
