/**
 * Pages by multicast: how the formats look on the wire, when each sample is to sound, and the way out. Pure; sockets and threads are
 * the business of `media`.
 */
export { formatOf, formatOfType, type PageCodec, type RtpFormat } from './codecs.ts';
export { parseLinksys } from './linksys.ts';
export { Playout } from './playout.ts';
export { PolyPacket, parsePoly, polyCaller } from './poly.ts';
export { wallOfNtp } from './timeline.ts';
export { type Target, Transmission, type TransmissionConfig } from './transmission.ts';
