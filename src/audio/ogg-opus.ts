/** Sound files of Opus: Ogg pages (RFC 3533) that hold it (RFC 7845), read into mono samples of 48 kHz. */
import { CodecError, type Decoder } from './codec.ts';
import { OpusDecoder } from './opus.ts';
import type { Wav } from './wav.ts';

const OGG_OPUS_RATE_HZ = 48_000;
const CAPTURE = 'OggS';
const PAGE_HEADER_BYTES = 27;
/** A packet lasts at most 120 ms (RFC 6716 §3.2.5). */
const MAX_PACKET_SAMPLES = 5760;
/** RFC 7845 §4.2: so that all of a stream can be kept in memory; ours are prompts. */
const MAX_PACKET_BYTES = 61_440;

export const isOgg = (bytes: Uint8Array): boolean => text(bytes, 0, 4) === CAPTURE;

/** At most `maxSamples`. A cut-off file gives what is there. Throws `CodecError`: no Opus in it, or no libopus here. */
export function parseOggOpus(bytes: Uint8Array, maxSamples: number): Wav {
  const packets = readPackets(bytes);
  const head = packets.next();
  if (head.done || text(head.value.bytes, 0, 8) !== 'OpusHead' || head.value.bytes.length < 19)
    throw new CodecError('ogg-syntax', 'Cannot read Ogg: it holds no Opus');
  const view = new DataView(head.value.bytes.buffer, head.value.bytes.byteOffset, head.value.bytes.length);
  const channels = view.getUint8(9);
  if (view.getUint8(8) > 15 || channels < 1 || channels > 2 || view.getUint8(18) !== 0)
    throw new CodecError(
      'ogg-syntax',
      `Cannot read Ogg: Opus of ${channels} channels is not supported, one or two are`,
    );
  const preSkip = view.getUint16(10, true);
  const gain = 10 ** (view.getInt16(16, true) / 256 / 20);
  packets.next(); // OpusTags
  const samples = decodeAll(packets, new OpusDecoder(OGG_OPUS_RATE_HZ), preSkip, maxSamples);
  if (gain !== 1)
    for (let i = 0; i < samples.length; i++)
      samples[i] = Math.max(-32768, Math.min(32767, Math.round(gain * samples[i])));
  return { rateHz: OGG_OPUS_RATE_HZ, channels, samples };
}

function decodeAll(
  packets: Iterable<Packet>,
  decoder: Decoder,
  preSkip: number,
  maxSamples: number,
): Int16Array<ArrayBuffer> {
  const frame = new Int16Array(MAX_PACKET_SAMPLES);
  let samples = new Int16Array(OGG_OPUS_RATE_HZ);
  let count = 0;
  let end = Number.POSITIVE_INFINITY;
  for (const { bytes, endsAt } of packets) {
    const made = decoder.samplesIn(bytes, 0, bytes.length) > 0 ? decoder.decode(bytes, 0, bytes.length, frame, 0) : 0;
    if (count + made > samples.length) {
      const more = new Int16Array(Math.min(2 * samples.length, maxSamples + preSkip) + MAX_PACKET_SAMPLES);
      more.set(samples.subarray(0, count));
      samples = more;
    }
    samples.set(frame.subarray(0, made), count);
    count += made;
    // RFC 7845 §4: the last page says where the sound ends, within its last packet.
    if (endsAt !== undefined) end = endsAt;
    if (count >= preSkip + maxSamples) break;
  }
  return samples.slice(preSkip, Math.max(preSkip, Math.min(count, end, preSkip + maxSamples)));
}

interface Packet {
  bytes: Uint8Array;
  /** Of the last packet of the stream: samples from its start, the skipped ones included. */
  endsAt?: number;
}

/** The packets of the first stream. */
function* readPackets(bytes: Uint8Array): Generator<Packet, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let parts: Uint8Array[] = [];
  let serial: number | undefined;
  for (let at = 0; at + PAGE_HEADER_BYTES <= bytes.length; ) {
    if (text(bytes, at, 4) !== CAPTURE)
      throw new CodecError('ogg-syntax', `Cannot read Ogg: at octet ${at} there is no page`);
    const lacing = bytes.subarray(at + PAGE_HEADER_BYTES, at + PAGE_HEADER_BYTES + bytes[at + 26]);
    const start = at + PAGE_HEADER_BYTES + bytes[at + 26];
    const length = lacing.reduce((sum, value) => sum + value, 0);
    const [flags, of] = [bytes[at + 5], view.getUint32(at + 14, true)];
    const granule = Number(view.getBigInt64(at + 6, true));
    at = start + length;
    serial ??= of;
    if (of !== serial) continue; // another stream beside it
    if (at > bytes.length) return; // the file ends within this page
    if ((flags & 1) === 0) parts = [];
    let from = start;
    const whole = lacing.findLastIndex((value) => value < 255);
    for (const [i, value] of lacing.entries()) {
      parts.push(bytes.subarray(from, from + value));
      from += value;
      if (value === 255) continue;
      const last = (flags & 4) !== 0 && i === whole;
      const packet = parts.length === 1 ? parts[0] : Uint8Array.from(Buffer.concat(parts));
      parts = [];
      // A picture among the tags may be longer: what is too long counts, and says nothing.
      const known = packet.length <= MAX_PACKET_BYTES ? packet : packet.subarray(0, 0);
      yield { bytes: known, ...(last && { endsAt: granule }) };
    }
    if ((flags & 4) !== 0) return;
  }
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
