/**
 * Packets of Polycom's group paging and push-to-talk (engineering advisory 70568): no RTP. A sender alerts some thirty times within a
 * second, then sends 20 ms of sound per packet together with the 20 ms before it, and says the end a dozen times.
 *
 *     0        1         2                6           7                        20
 *    +--------+---------+----------------+-----------+------------------------+
 *    | opcode | channel | serial number  | 13        | caller id, zeros after |
 *    +-------+-------+----------------+---------------+-----------------------+
 *    | codec | flags | sample count   | frame before  | frame                 |    only of audio
 *    +-------+-------+----------------+---------------+-----------------------+
 *     20      21      22               26
 */
import { readUint32, writeUint32 } from '../rtp/index.ts';

/** How often each is sent, and how long after one another. */
export const POLY_ALERTS = 31;
export const POLY_ENDS = 12;
export const POLY_SIGNAL_EVERY_MS = 30;
export const POLY_HEADER_BYTES = 20;
const POLY_AUDIO_HEADER_BYTES = 26;
const POLY_CHANNELS = 50;
const CALLER_BYTES = 13;
const ALERT = 0x0f;
const AUDIO = 0x10;
const END = 0xff;
/** More than 30 ms of G.711 or G.722: two frames. */
const ONE_FRAME_BYTES = 240;

/** By the codec byte: RTP's static payload types but for one, G.726 with its bits reversed (255), which nobody else speaks. */
export type PolyCodec = 'PCMU' | 'G722';
const CODECS: readonly [number, PolyCodec][] = [
  [0, 'PCMU'],
  [9, 'G722'],
];

export class PolyPacket {
  kind: 'alert' | 'audio' | 'end' = 'alert';
  channel = 0;
  serial = 0;
  /** Undefined: none that is known here. */
  codec: PolyCodec | undefined;
  /** Of the first sample of the frame, 8000 per second. */
  sampleCount = 0;
  /** The frame before it, for whom a packet is missing; length 0: there is none. */
  beforeOffset = 0;
  beforeLength = 0;
  frameOffset = 0;
  frameLength = 0;
}

/** Reads the first `length` bytes into `into`; false when they are no such packet. */
export function parsePoly(bytes: Uint8Array, length: number, into: PolyPacket): boolean {
  if (length < POLY_HEADER_BYTES || length > bytes.length) return false;
  const [opcode, channel] = bytes;
  if (opcode !== ALERT && opcode !== AUDIO && opcode !== END) return false;
  if (channel < 1 || channel > POLY_CHANNELS || bytes[6] !== CALLER_BYTES) return false;
  into.kind = opcode === ALERT ? 'alert' : opcode === END ? 'end' : 'audio';
  into.channel = channel;
  into.serial = readUint32(bytes, 2);
  into.beforeLength = into.frameLength = 0;
  if (opcode !== AUDIO) return true;
  if (length <= POLY_AUDIO_HEADER_BYTES) return false;
  into.codec = undefined;
  for (let i = 0; i < CODECS.length; i++) if (CODECS[i][0] === bytes[20]) into.codec = CODECS[i][1];
  into.sampleCount = readUint32(bytes, 22);
  const audio = length - POLY_AUDIO_HEADER_BYTES;
  into.beforeLength = audio > ONE_FRAME_BYTES ? audio >> 1 : 0;
  into.beforeOffset = POLY_AUDIO_HEADER_BYTES;
  into.frameOffset = POLY_AUDIO_HEADER_BYTES + into.beforeLength;
  into.frameLength = audio - into.beforeLength;
  return true;
}

/** Who pages, as his telephone shows it; printable. */
export function polyCaller(bytes: Uint8Array): string {
  const name = bytes.subarray(7, POLY_HEADER_BYTES);
  const end = name.indexOf(0);
  return new TextDecoder()
    .decode(end < 0 ? name : name.subarray(0, end))
    .replace(/[^\x20-\x7e\u00a0-\u{10ffff}]/gu, '?');
}

/** Writes the header at the start of `into`; of audio the frames belong at 26, and `codec` and `sampleCount` are said. */
export function formatPoly(
  packet: { kind: PolyPacket['kind']; channel: number; serial: number; codec?: PolyCodec; sampleCount?: number },
  caller: Uint8Array,
  into: Uint8Array,
): number {
  into[0] = packet.kind === 'alert' ? ALERT : packet.kind === 'end' ? END : AUDIO;
  into[1] = packet.channel;
  writeUint32(into, 2, packet.serial);
  into[6] = CALLER_BYTES;
  for (let i = 0; i < CALLER_BYTES; i++) into[7 + i] = i < caller.length ? caller[i] : 0;
  if (packet.kind !== 'audio') return POLY_HEADER_BYTES;
  into[20] = packet.codec === 'G722' ? 9 : 0;
  into[21] = 0;
  writeUint32(into, 22, packet.sampleCount ?? 0);
  return POLY_AUDIO_HEADER_BYTES;
}
