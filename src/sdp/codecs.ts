/**
 * The codecs we speak as SDP names them: RFC 3551 §6 for those with numbers of their own, RFC 7587 for Opus, RFC 4733 for digits,
 * RFC 3389 for comfort noise.
 */
import type { Codec } from '../media/types.ts';
import type { Attribute, MediaDescription } from './description.ts';
import { MAX_PACKET_MS, packetMsFor, payloadFormats } from './formats.ts';
import { formatOpusWishes } from './opus.ts';

export const CODEC_NAMES = ['opus', 'g722', 'pcma', 'pcmu', 'l16'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** What we do with sound, whichever codec it is. */
export interface LocalSound {
  /** By preference: the order of our offers. An answer follows the order of the offer (RFC 3264 §6.1). */
  codecs: readonly CodecName[];
  /** What we would like to receive, and send when the other side does not say. */
  packetMs: number;
  dtmf: boolean;
  /** Of our sound card: more than it can play need not be sent to us. */
  soundRateHz?: number;
  /** Pauses need not be sent, either way. */
  pauses?: boolean;
}

/** What an `m=` line says about sound, ours or theirs. */
export interface Formats {
  codecs: readonly Codec[];
  /** telephone-event, of each clock rate. */
  events: readonly Codec[];
  noise?: Codec;
}

const SPOKEN: Record<CodecName, Codec> = {
  opus: { encoding: 'OPUS', payloadType: 96, clockRateHz: 48_000, channels: 2 }, // RFC 7587 §4.1, §7: always 48000 and 2
  g722: { encoding: 'G722', payloadType: 9, clockRateHz: 8000, channels: 1 },
  pcma: { encoding: 'PCMA', payloadType: 8, clockRateHz: 8000, channels: 1 },
  pcmu: { encoding: 'PCMU', payloadType: 0, clockRateHz: 8000, channels: 1 },
  l16: { encoding: 'L16', payloadType: 97, clockRateHz: 16_000, channels: 1 },
};
const NOISE: Codec = { encoding: 'CN', payloadType: 13, clockRateHz: 8000, channels: 1 };
const EVENT = 'TELEPHONE-EVENT';
/** RFC 4733 §2.4.1: events go with audio of the same clock rate. */
const EVENT_PAYLOAD_TYPES: readonly [clockRateHz: number, payloadType: number][] = [
  [8000, 101],
  [48_000, 102],
  [16_000, 103],
];
const L16_RATES_HZ = [8000, 16_000, 32_000, 44_100, 48_000];
/** What a packet of L16 may hold, so that it fits a frame of Ethernet, encrypted and over IPv6 too. */
const MAX_L16_BYTES = 1360;

/** All that we can, as an offer has it. `before`: what we said last, whose numbers must not change (RFC 3264 §8.3.2). */
export function offeredFormats(local: LocalSound, before: MediaDescription | undefined): Formats {
  const said = before === undefined ? [] : payloadFormats(before);
  const taken = new Set(said.map(({ payloadType }) => payloadType));
  const numbered = (wanted: Codec): Codec => {
    const same = said.find((format) => isSame(format, wanted));
    let { payloadType } = same ?? wanted;
    while (same === undefined && payloadType >= 96 && taken.has(payloadType) && payloadType < 127) payloadType++;
    taken.add(payloadType);
    return { ...wanted, payloadType };
  };
  const codecs = local.codecs.map((name) => numbered(SPOKEN[name]));
  const clocks = new Set(codecs.map(({ clockRateHz }) => clockRateHz));
  const events = EVENT_PAYLOAD_TYPES.filter(([clockRateHz]) => local.dtmf && clocks.has(clockRateHz)).map(
    ([clockRateHz, payloadType]) => numbered({ encoding: EVENT, payloadType, clockRateHz, channels: 1 }),
  );
  return { codecs, events, ...(local.pauses && clocks.has(NOISE.clockRateHz) && { noise: NOISE }) };
}

/** What of their line we can: the codecs in their order, and what goes with the first of them. */
export function commonFormats(medium: MediaDescription, ours: (format: Codec) => boolean): Formats {
  const formats = payloadFormats(medium);
  const codecs = formats.filter((format) => nameOf(format) !== undefined && ours(format));
  const clockRateHz = codecs[0]?.clockRateHz;
  const events = formats.filter((format) => format.encoding === EVENT && ours(format));
  // Departs from RFC 4733 §2.4.1: many offer Opus with events of 8000 Hz only. Better those than none.
  const event = events.find((one) => one.clockRateHz === clockRateHz) ?? events.find((one) => one.clockRateHz === 8000);
  const noise = formats.find((format) => format.encoding === NOISE.encoding && format.clockRateHz === clockRateHz);
  return { codecs, events: event === undefined ? [] : [event], ...(noise !== undefined && ours(noise) && { noise }) };
}

/** Whether `local` can do what a format of an offer asks. */
export const speaks =
  (local: LocalSound) =>
  (format: Codec): boolean => {
    if (format.encoding === EVENT) return local.dtmf;
    if (format.encoding === NOISE.encoding) return local.pauses === true;
    const name = nameOf(format);
    return name !== undefined && local.codecs.includes(name);
  };

/** Whether `medium`, our offer, has a format of an answer. */
export function offers(medium: MediaDescription): (format: Codec) => boolean {
  const ours = payloadFormats(medium);
  return (format) => ours.some((one) => isSame(one, format));
}

/** The number that format has in `medium`. */
export const numberIn = (medium: MediaDescription, format: Codec | undefined): number | undefined =>
  format && payloadFormats(medium).find((one) => isSame(one, format))?.payloadType;

/** How long the packets for this side are to be; Opus has no frames of 30 and 50 ms (RFC 6716 §3.1). */
export function packetMsOf(codec: Codec, medium: MediaDescription, preferredMs: number): number {
  const packetMs = packetMsFor(medium, preferredMs);
  if (codec.encoding === 'OPUS') return packetMs === 30 ? 20 : packetMs === 50 ? 40 : packetMs;
  return Math.min(packetMs, longestMs(codec));
}

/** What we take, and send. */
function longestMs({ encoding, clockRateHz }: Codec): number {
  if (encoding !== 'L16') return MAX_PACKET_MS;
  return Math.min(MAX_PACKET_MS, Math.floor((MAX_L16_BYTES * 1000) / (2 * clockRateHz) / 10) * 10);
}

/** The numbers of our line, what they mean, and how long the packets should and may be. */
export function formatLine(
  { codecs, events, noise }: Formats,
  local: LocalSound,
): { numbers: string[]; attributes: Attribute[] } {
  const all = [...codecs, ...(noise === undefined ? [] : [noise]), ...events];
  const attributes = all.flatMap((format): Attribute[] => {
    const { encoding, payloadType, clockRateHz, channels } = format;
    const name = encoding === 'OPUS' || encoding === EVENT ? encoding.toLowerCase() : encoding;
    const rtpmap = `${payloadType} ${name}/${clockRateHz}${channels === 1 ? '' : `/${channels}`}`;
    const parameters = encoding === 'OPUS' ? formatOpusWishes(local) : encoding === EVENT ? '0-15' : undefined;
    return [
      { name: 'rtpmap', value: rtpmap },
      ...(parameters === undefined ? [] : [{ name: 'fmtp', value: `${payloadType} ${parameters}` }]),
    ];
  });
  const most = Math.min(...codecs.map(longestMs));
  const wished = Math.min(local.packetMs, most);
  attributes.push({ name: 'ptime', value: String(wished) }, { name: 'maxptime', value: String(most) });
  return { numbers: all.map(({ payloadType }) => String(payloadType)), attributes };
}

/** Undefined: no codec of ours. RFC 7587 §7 demands the 2 channels; who writes otherwise means the same. */
function nameOf(format: Codec): CodecName | undefined {
  const { encoding, clockRateHz, channels } = format;
  if (encoding === 'OPUS') return clockRateHz === 48_000 ? 'opus' : undefined;
  if (encoding === 'L16') return channels === 1 && L16_RATES_HZ.includes(clockRateHz) ? 'l16' : undefined;
  return CODEC_NAMES.find((name) => isSame(SPOKEN[name], format));
}

const isSame = (a: Codec, b: Codec): boolean =>
  a.encoding === b.encoding &&
  a.clockRateHz === b.clockRateHz &&
  (a.channels === b.channels || a.encoding === 'OPUS' || a.encoding === EVENT);
