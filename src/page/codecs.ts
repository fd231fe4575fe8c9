/** What pages are written in: by RTP's static payload types (RFC 3551 §6), or as the configuration says. */
import type { CodecFormat } from '../audio/index.ts';

export type PageCodec = 'pcmu' | 'pcma' | 'g722' | 'l16' | 'opus';

export interface RtpFormat extends CodecFormat {
  payloadType: number;
}

/** The first dynamic one. */
const DYNAMIC = 96;

const FORMATS: Readonly<Record<PageCodec, RtpFormat>> = {
  pcmu: { encoding: 'PCMU', payloadType: 0, clockRateHz: 8000, channels: 1 },
  pcma: { encoding: 'PCMA', payloadType: 8, clockRateHz: 8000, channels: 1 },
  g722: { encoding: 'G722', payloadType: 9, clockRateHz: 8000, channels: 1 },
  // 44.1 kHz, as the static types have it, would fill a packet in 16 ms.
  l16: { encoding: 'L16', payloadType: DYNAMIC, clockRateHz: 16_000, channels: 1 },
  opus: { encoding: 'OPUS', payloadType: DYNAMIC, clockRateHz: 48_000, channels: 2 },
};

const ONLY_RECEIVED: readonly RtpFormat[] = [
  { encoding: 'L16', payloadType: 10, clockRateHz: 44_100, channels: 2 },
  { encoding: 'L16', payloadType: 11, clockRateHz: 44_100, channels: 1 },
];

const STATIC = [FORMATS.pcmu, FORMATS.pcma, FORMATS.g722, ...ONLY_RECEIVED];

export const formatOf = (codec: PageCodec): RtpFormat => FORMATS[codec];

/** What a packet of that type holds; `dynamic`: what all dynamic types stand for here. */
export function formatOfType(payloadType: number, dynamic: PageCodec | undefined): RtpFormat | undefined {
  const known = STATIC.find((format) => format.payloadType === payloadType);
  if (known !== undefined || payloadType < DYNAMIC || dynamic === undefined) return known;
  return { ...FORMATS[dynamic], payloadType };
}
