/**
 * Opens and closes PCM devices for the media thread, from the main thread and by koffi's thread pool: a driver that hangs here
 * hangs one pool thread, never the main thread and never the RTP. At most one opening per half is under way at any time.
 */
import { FORMATS, MAX_CHANNELS, type SampleFormat } from './alsa-frames.ts';
import {
  type AlsaLibrary,
  alsaMessage,
  CAPTURE,
  loadAlsa,
  NONBLOCK,
  type PcmPointer,
  PLAYBACK,
  RW_INTERLEAVED,
} from './alsa-library.ts';
import { resolveDevice } from './alsa-name.ts';
import { inPool } from './alsa-pool.ts';
import { SoundError } from './types.ts';

export type Half = 'speaker' | 'microphone';

/** A prepared PCM: interleaved, non-blocking, with what the card granted. */
export interface OpenPcm {
  pcm: PcmPointer;
  rateHz: number;
  format: SampleFormat;
  channels: number;
  /** Frames between two moments at which the device moves. */
  periodFrames: number;
  /** Frames the device buffer holds. */
  bufferFrames: number;
}

/** The card's own rate, best first, each a whole number of frames in 10 ms. Unconverted: we resample better than alsa-lib's linear `plug`. */
const RATES_HZ = [48000, 16000, 44100, 32000, 96000, 8000, 192000];
const PLAYBACK_PERIODS = 6;
const CAPTURE_PERIODS = 8;

/** Opens `name` (see `resolveDevice`) with periods of `periodMs`, or what the card has near it. Rejects with `SoundError`. */
export async function openPcm(half: Half, name: string, periodMs: number): Promise<OpenPcm> {
  const alsa = loadAlsa();
  const out: [PcmPointer | null] = [null];
  const device = resolveDevice(name);
  const tried = `${half} "${name}"`;
  const opened = await inPool(alsa.open, out, device, half === 'speaker' ? PLAYBACK : CAPTURE, NONBLOCK);
  if (opened < 0 || out[0] === null) throw failed(alsa, `open ${tried}`, opened);
  const pcm = out[0];
  try {
    return await prepare(alsa, pcm, half, tried, periodMs);
  } catch (error) {
    void inPool(alsa.close, pcm);
    throw error;
  }
}

/** Drops what is still queued and closes. Resolves when the driver lets go, which may be never. */
export async function closePcm(pcm: PcmPointer): Promise<void> {
  await inPool(loadAlsa().close, pcm);
}

async function prepare(
  alsa: AlsaLibrary,
  pcm: PcmPointer,
  half: Half,
  tried: string,
  periodMs: number,
): Promise<OpenPcm> {
  const out: [bigint | null] = [null];
  alsa.hwMalloc(out);
  const hw = out[0];
  const must = (what: string, result: number): void => {
    if (result < 0) throw failed(alsa, `${what} of ${tried}`, result);
  };
  try {
    must('read the parameters', alsa.hwAny(pcm, hw));
    alsa.hwResample(pcm, hw, 0);
    let rateHz = tryRate(alsa, pcm, hw);
    if (rateHz === undefined) {
      // Nothing that divides into 10 ms without conversion: let the plugin convert after all.
      must('read the parameters', alsa.hwAny(pcm, hw));
      alsa.hwResample(pcm, hw, 1);
      rateHz = tryRate(alsa, pcm, hw);
    }
    if (rateHz === undefined) throw new SoundError('sound-format', `Cannot set a usable rate of ${tried}`);
    must('set the access', alsa.hwAccess(pcm, hw, RW_INTERLEAVED));
    const format = (Object.keys(FORMATS) as SampleFormat[]).find((one) => alsa.hwFormat(pcm, hw, FORMATS[one]) === 0);
    if (format === undefined) throw new SoundError('sound-format', `Cannot set 16, 24 or 32 bit samples of ${tried}`);
    const channels = setChannels(alsa, pcm, hw);
    if (channels === undefined) throw new SoundError('sound-format', `Cannot set the channels of ${tried}`);
    const frames = new BigUint64Array(1); // unsigned long: the low half of it on 32 bit boards
    const periods = half === 'speaker' ? PLAYBACK_PERIODS : CAPTURE_PERIODS;
    const tickFrames = rateHz / 100;
    frames[0] = BigInt(Math.round((rateHz * periodMs) / 1000));
    must('set the period', alsa.hwPeriodNear(pcm, hw, frames, null));
    const periodFrames = Number(BigInt.asUintN(32, frames[0]));
    frames[0] = BigInt(periods * Math.max(tickFrames, periodFrames));
    must('set the buffer', alsa.hwBufferNear(pcm, hw, frames));
    must('set the parameters', await inPool(alsa.hwParams, pcm, hw));
    const bufferFrames = Number(BigInt.asUintN(32, frames[0]));
    alsa.swMalloc(out);
    const sw = out[0];
    must('read the software parameters', alsa.swCurrent(pcm, sw));
    must('set the start threshold', alsa.swStart(pcm, sw, half === 'speaker' ? 1 : bufferFrames * 2));
    must('set the wake-up threshold', alsa.swAvailMin(pcm, sw, tickFrames));
    must('set the software parameters', await inPool(alsa.swParams, pcm, sw));
    alsa.swFree(sw);
    // A start is a round trip to a sound server: not in the tick. What piles up until the thread takes over is dropped there.
    if (half === 'microphone') must('start', await inPool(alsa.start, pcm));
    return { pcm, rateHz, format, channels, periodFrames, bufferFrames };
  } finally {
    alsa.hwFree(hw);
  }
}

function tryRate(alsa: AlsaLibrary, pcm: PcmPointer, hw: bigint | null): number | undefined {
  return RATES_HZ.find((rateHz) => alsa.hwRate(pcm, hw, rateHz, 0) === 0);
}

/** One, two, or what is nearest: a microphone array may insist on six. */
function setChannels(alsa: AlsaLibrary, pcm: PcmPointer, hw: bigint | null): number | undefined {
  const few = [1, 2].find((count) => alsa.hwChannels(pcm, hw, count) === 0);
  if (few !== undefined) return few;
  const near = new Uint32Array([2]);
  return alsa.hwChannelsNear(pcm, hw, near) === 0 && near[0] <= MAX_CHANNELS ? near[0] : undefined;
}

function failed(alsa: AlsaLibrary, tried: string, result: number): SoundError {
  return new SoundError('sound-card', `Cannot ${tried}: ${alsaMessage(alsa, result)}`);
}
