/**
 * What a packet of Opus says about itself, RFC 6716 §3: how long it lasts, and whether it repeats the one before it.
 *
 *     0 1 2 3 4 5 6 7
 *    +---------+-+---+
 *    |  config |s| c |   config: mode, bandwidth, frame length; s: stereo; c: 0: one frame, 1: two alike, 2: two, 3: a count
 *    +---------+-+---+
 */

/** Of one frame, in samples of 48 kHz, by the configuration: SILK 0..11, hybrid 12..15, CELT 16..31 (table 2). */
function frameTicks(config: number): number {
  if (config < 12) return (config & 3) === 3 ? 2880 : 480 << (config & 3);
  if (config < 16) return config & 1 ? 960 : 480;
  return 120 << (config & 3);
}

/** A packet lasts at most so long (§3.2.5). */
const MAX_TICKS = 5760;

/** How long a packet lasts, in samples of 48 kHz; 0: it is none. An empty one lasts for as long as nobody knows: 0. */
export function opusTicks(packet: Uint8Array, offset: number, length: number): number {
  if (length < 1) return 0;
  const toc = packet[offset];
  const code = toc & 3;
  if (code === 3 && length < 2) return 0;
  const frames = code === 0 ? 1 : code === 3 ? packet[offset + 1] & 63 : 2;
  const ticks = frames * frameTicks(toc >> 3);
  return ticks <= MAX_TICKS ? ticks : 0;
}

/** How long each frame of a packet lasts, in samples of 48 kHz. */
export const opusFrameTicks = (packet: Uint8Array, offset: number): number => frameTicks(packet[offset] >> 3);

/** Whether the first frame has a copy of the one before it (LBRR, §4.2.4): after the VAD flags, one for each 20 ms, is its flag. */
export function repeatsEarlier(packet: Uint8Array, offset: number, length: number): boolean {
  const config = packet[offset] >> 3;
  if (length < 2 || config >= 16) return false;
  const at = firstFrame(packet, offset, length);
  if (at >= offset + length) return false;
  const flags = Math.max(1, frameTicks(config) / 960);
  return ((packet[at] >> (7 - flags)) & 1) === 1;
}

/** A frame's length is one byte, or two from 252 on (§3.2.1). */
const lengthBytes = (first: number): number => (first >= 252 ? 2 : 1);

/** Where the first frame begins: behind the TOC, the count, the length of the padding, and the lengths of frames (§3.2). */
function firstFrame(packet: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  const code = packet[offset] & 3;
  let at = offset + 1;
  if (code < 2) return at;
  if (code === 2) return at + lengthBytes(packet[at]);
  const count = packet[at++];
  if (count & 0x40) {
    while (at < end && packet[at] === 255) at++;
    at++;
  }
  if (count & 0x80) for (let i = 1; i < (count & 63) && at < end; i++) at += lengthBytes(packet[at]);
  return at;
}
