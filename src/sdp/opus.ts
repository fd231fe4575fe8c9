/** The parameters of Opus in `a=fmtp`, RFC 7587 §6.1: each side says what it wishes to receive. */
import type { OpusWishes } from '../audio/codec.ts';

/** RFC 7587 §6.1: what we wish to receive, and what we can send. */
export function formatOpusWishes({
  soundRateHz = 48_000,
  pauses = false,
}: {
  soundRateHz?: number;
  pauses?: boolean;
}): string {
  const rate = [8000, 12_000, 16_000, 24_000].find((hz) => hz >= soundRateHz);
  const limits = rate === undefined ? [] : [`maxplaybackrate=${rate}`, `sprop-maxcapturerate=${rate}`];
  return [...limits, 'stereo=0', 'useinbandfec=1', ...(pauses ? ['usedtx=1'] : [])].join(';');
}

/** Of the `a=fmtp` of the other side. What makes no sense is as if it were not said. */
export function parseOpusWishes(parameters: string): OpusWishes {
  const said = new Map<string, number>();
  for (const parameter of parameters.split(';')) {
    const match = /^\s*([a-z-]{1,32})\s*=\s*(\d{1,7})\s*$/i.exec(parameter);
    if (match !== null) said.set(match[1].toLowerCase(), Number(match[2]));
  }
  const rate = said.get('maxplaybackrate');
  const bitrate = said.get('maxaveragebitrate');
  return {
    ...(rate !== undefined && rate >= 8000 && { maxPlaybackRateHz: rate }),
    ...(bitrate !== undefined && bitrate >= 6000 && bitrate <= 510_000 && { maxAverageBitrate: bitrate }),
    ...(said.get('useinbandfec') === 1 && { fec: true }),
    ...(said.get('usedtx') === 1 && { dtx: true }),
    ...(said.get('cbr') === 1 && { cbr: true }),
  };
}
