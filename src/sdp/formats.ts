/** What the numbers on an `m=` line mean: `a=rtpmap`, or the static assignments of RFC 3551 §6. */
import type { Codec } from '../media/types.ts';
import { attribute, type MediaDescription } from './description.ts';
import { parseOpusWishes } from './opus.ts';

/** Audio only, and only what PBXs still offer without an rtpmap. */
const STATIC: Record<number, [encoding: string, clockRateHz: number]> = {
  0: ['PCMU', 8000],
  3: ['GSM', 8000],
  4: ['G723', 8000],
  8: ['PCMA', 8000],
  9: ['G722', 8000], // 16 kHz in truth: RFC 3551 §4.5.2
  11: ['L16', 44_100],
  13: ['CN', 8000],
  15: ['G728', 8000],
  18: ['G729', 8000],
};

/** In the order of preference of the `m=` line; numbers nobody explains are left out. */
export function payloadFormats(media: MediaDescription): Codec[] {
  const maps = new Map<number, Codec>();
  const parameters = new Map<number, string>();
  for (const { name, value } of media.attributes) {
    const fmtp = name === 'fmtp' ? /^(\d{1,3})\s+(.*)$/.exec(value ?? '') : null;
    if (fmtp !== null) parameters.set(Number(fmtp[1]), fmtp[2]);
    if (name !== 'rtpmap') continue;
    const match = /^(\d{1,3})\s+([^/\s]+)\s*\/\s*(\d+)(?:\s*\/\s*(\d+))?/.exec(value ?? '');
    if (match === null) continue;
    const payloadType = Number(match[1]);
    const [encoding, clockRateHz, channels] = [match[2].toUpperCase(), Number(match[3]), Number(match[4] ?? 1)];
    if (!maps.has(payloadType)) maps.set(payloadType, { encoding, payloadType, clockRateHz, channels });
  }
  const formats: Codec[] = [];
  for (const format of media.formats) {
    if (!/^\d{1,3}$/.test(format)) continue; // T.38 and data channels have words here
    const payloadType = Number(format);
    const fixed = STATIC[payloadType];
    const known = maps.get(payloadType);
    if (payloadType > 127) continue;
    if (known?.encoding === 'OPUS')
      formats.push({ ...known, opus: parseOpusWishes(parameters.get(payloadType) ?? '') });
    else if (known !== undefined) formats.push(known);
    else if (fixed !== undefined) formats.push({ encoding: fixed[0], payloadType, clockRateHz: fixed[1], channels: 1 });
  }
  return formats;
}

/** Packets of 10..60 ms, in steps of 10. */
const MIN_PACKET_MS = 10;
export const MAX_PACKET_MS = 60;

/** How long the packets for this side should be: its `ptime` is a wish (RFC 8866 §6.4), its `maxptime` a limit. */
export function packetMsFor(media: MediaDescription, preferredMs: number): number {
  const wished = milliseconds(attribute(media, 'ptime')) ?? preferredMs;
  const limit = Math.min(MAX_PACKET_MS, milliseconds(attribute(media, 'maxptime')) ?? MAX_PACKET_MS);
  return Math.max(MIN_PACKET_MS, Math.floor(Math.min(wished, limit) / 10) * 10);
}

function milliseconds(value: string | undefined): number | undefined {
  const parsed = Number.parseFloat(value ?? '');
  return parsed > 0 ? parsed : undefined;
}
