/** RTCP XR, RFC 3611: of its blocks the one of VoIP metrics (§4.7). The others are passed over. */
import { readUint32, writeUint32 } from './packet.ts';
import type { VoipMetrics } from './quality.ts';

/** Packet type. */
export const XR = 207;
const VOIP_METRICS = 7;
/** Its block, with its header. */
export const VOIP_BYTES = 36;
/** §4.7.3 and following: this value says "not known". */
const UNKNOWN = 127;
/** §4.7.2 */
const GMIN = 16;
/** §4.7.6, receiver configuration: concealment "standard" (§4.7.6: 3), the jitter buffer adaptive (3) or not (2). */
const STANDARD_CONCEALMENT = 3 << 6;
const ADAPTIVE = 3 << 4;
const FIXED = 2 << 4;

/** Writes the block, `VOIP_BYTES` long, at `at`. */
export function formatVoip(metrics: VoipMetrics & { ssrc: number }, bytes: Uint8Array, at: number): void {
  const short = (offset: number, ms: number | undefined): void => {
    const value = Math.min(0xffff, Math.round(ms ?? 0));
    bytes[at + offset] = value >> 8;
    bytes[at + offset + 1] = value;
  };
  const octet = (value: number | undefined): number =>
    value === undefined ? UNKNOWN : Math.max(0, Math.min(UNKNOWN - 1, Math.round(value)));
  bytes[at] = VOIP_METRICS;
  bytes[at + 1] = 0;
  bytes[at + 2] = 0;
  bytes[at + 3] = VOIP_BYTES / 4 - 1;
  writeUint32(bytes, at + 4, metrics.ssrc);
  const fractions = [metrics.lossRate, metrics.discardRate, metrics.burstDensity, metrics.gapDensity];
  for (const [i, fraction] of fractions.entries()) bytes[at + 8 + i] = Math.min(255, Math.floor(fraction * 256));
  short(12, metrics.burstMs);
  short(14, metrics.gapMs);
  short(16, metrics.roundTripMs);
  short(18, metrics.endSystemMs);
  bytes.fill(UNKNOWN, at + 20, at + 23); // signal, noise and echo levels
  bytes[at + 23] = GMIN;
  bytes[at + 24] = octet(metrics.rating);
  bytes[at + 25] = UNKNOWN; // of another network on the way
  bytes[at + 26] = octet(metrics.mosListening && 10 * metrics.mosListening);
  bytes[at + 27] = octet(metrics.mosConversation && 10 * metrics.mosConversation);
  bytes[at + 28] = STANDARD_CONCEALMENT | (metrics.adaptive ? ADAPTIVE : FIXED);
  bytes[at + 29] = 0;
  short(30, metrics.bufferMs);
  short(32, metrics.bufferLongestMs);
  short(34, metrics.bufferLongestMs);
}

/** The first block of VoIP metrics from `start` on; undefined when there is none. */
export function parseXr(bytes: Uint8Array, start: number, end: number): (VoipMetrics & { ssrc: number }) | undefined {
  for (let at = start; at + 4 <= end; ) {
    const next = at + 4 * (1 + ((bytes[at + 2] << 8) | bytes[at + 3]));
    if (next > end) return undefined;
    if (bytes[at] === VOIP_METRICS && next - at >= VOIP_BYTES) return parseVoip(bytes, at);
    at = next;
  }
  return undefined;
}

function parseVoip(bytes: Uint8Array, at: number): VoipMetrics & { ssrc: number } {
  const fraction = (offset: number): number => bytes[at + offset] / 256;
  const short = (offset: number): number => (bytes[at + offset] << 8) | bytes[at + offset + 1];
  // 127 says "not known", and what is on no such scale says nothing either.
  const known = (offset: number, per: number, most: number): number | undefined =>
    bytes[at + offset] > most * per ? undefined : bytes[at + offset] / per;
  return {
    ssrc: readUint32(bytes, at + 4),
    lossRate: fraction(8),
    discardRate: fraction(9),
    burstDensity: fraction(10),
    gapDensity: fraction(11),
    burstMs: short(12),
    gapMs: short(14),
    roundTripMs: short(16) || undefined,
    endSystemMs: short(18) || undefined,
    rating: known(24, 1, 100),
    mosListening: known(26, 10, 5),
    mosConversation: known(27, 10, 5),
    bufferMs: short(30),
    bufferLongestMs: short(32),
    adaptive: ((bytes[at + 28] >> 4) & 3) === 3,
  };
}
