/** What a chirp says of loudspeaker and microphone, in the words of somebody who is to mend them. */
import { type Acoustics, BANDS_HZ } from '../audio/index.ts';

/** How it was when everything was right. */
export interface Baseline {
  acoustics: Acoustics;
  /** Of the chirp. */
  levelDbfs: number;
  /** ISO 8601. */
  time: string;
}

export interface Verdict {
  passed: boolean;
  reason: string;
}

/** Below this the chirp was not heard, and the rest means nothing. */
const HEARD_DB = 10;
/** A baseline is to be trusted. */
const BASELINE_DB = 20;
/** What a microphone that lives gives at least: its own noise. */
const DEAD_DBFS = -95;
const LESS_DB = 6;
const MORE_DB = 10;
const BAND_DB = 10;
const LATER_MS = 100;
/** Percent: more than so many times the baseline's and than this. */
const DISTORTION_TIMES = 3;
const DISTORTION_LEAST = 10;
const DISTORTION_ALONE = 30;
/** A louder try may distort by so many times more, every 6 dB. */
const DISTORTION_LOUDER = 1.3;
/** A voice or a tone beside the sound looks like harmonics of so many times its own strength at most. */
const MASKED_TIMES = 4;
/** What comes with the sound and is no part of it: more than so many dB above the baseline's and than this. */
const ROUGH_MORE_DB = 8;
const ROUGH_LEAST_DB = -50;
const CLIPPED_SHARE = 0.001;

const whole = (value: number): string => String(Math.round(Math.abs(value)));

export function judge(now: Acoustics, levelDbfs: number, baseline: Baseline | undefined): Verdict {
  const bad = (reason: string): Verdict => ({ passed: false, reason });
  if (now.clearDb < HEARD_DB) return bad(unheard(now, levelDbfs, baseline));
  if (now.clipped > CLIPPED_SHARE) return bad('the microphone is overdriven: its gain is too high');
  if (baseline === undefined) {
    if (now.distortionPercent > DISTORTION_ALONE)
      return bad(drowned(now) ?? `distorted: ${whole(now.distortionPercent)} % of harmonics`);
    return { passed: true, reason: `heard, ${whole(now.clearDb)} dB clear; there is no baseline to compare with` };
  }
  const then = baseline.acoustics;
  const more = now.gainDb - then.gainDb;
  if (more <= -LESS_DB) return bad(`the microphone hears ${whole(more)} dB less than at commissioning`);
  if (more >= MORE_DB) return bad(`the microphone hears ${whole(more)} dB more than at commissioning`);
  const louder = DISTORTION_LOUDER ** (Math.max(0, levelDbfs - baseline.levelDbfs) / 6);
  const distorted = louder * Math.max(DISTORTION_LEAST, DISTORTION_TIMES * then.distortionPercent);
  if (now.distortionPercent > distorted)
    return bad(
      drowned(now) ??
        `distorted: ${whole(now.distortionPercent)} % of harmonics, ${whole(then.distortionPercent)} % at commissioning`,
    );
  // Baselines of earlier days do not have it.
  const rough = now.roughDb - Math.max(then.roughDb ?? ROUGH_LEAST_DB, ROUGH_LEAST_DB);
  if (rough > ROUGH_MORE_DB)
    return bad(`it rattles: ${whole(now.roughDb)} dB below the sound is noise that comes with it`);
  for (const [index, band] of now.bandsDb.entries()) {
    const change = band - (then.bandsDb[index] ?? band);
    if (change <= -BAND_DB)
      return bad(
        `${BANDS_HZ[index]} Hz has lost ${whole(change)} dB since commissioning: a broken or covered loudspeaker or microphone`,
      );
  }
  if (Math.abs(now.delayMs - then.delayMs) >= LATER_MS)
    return bad(`the sound takes ${whole(now.delayMs)} ms, ${whole(then.delayMs)} ms at commissioning`);
  return { passed: true, reason: `as at commissioning, ${whole(now.clearDb)} dB clear` };
}

/** Why these cannot be what others are compared with. */
export function unfitAsBaseline(now: Acoustics): string | undefined {
  const { clearDb, clipped } = now;
  if (clipped > CLIPPED_SHARE) return 'the microphone is overdriven: its gain is too high';
  if (clearDb < BASELINE_DB)
    return `the chirp is only ${Math.max(0, Math.round(clearDb))} dB clear of the surroundings`;
  return now.distortionPercent > DISTORTION_LEAST ? drowned(now) : undefined;
}

/** Why nothing can be said of distortion, when what was heard of it may be something else that sounds here. */
function drowned({ distortionPercent, clearDb }: Acoustics): string | undefined {
  if (distortionPercent > 100 * MASKED_TIMES * 10 ** (-clearDb / 20)) return undefined;
  return `too loud here to judge: the chirp is only ${whole(clearDb)} dB clear of something else that sounds`;
}

function unheard({ ambientDbfs, gainDb }: Acoustics, levelDbfs: number, baseline: Baseline | undefined): string {
  if (ambientDbfs <= DEAD_DBFS) return 'the microphone gives nothing at all: it is dead, muted or not connected';
  const expected = levelDbfs + (baseline?.acoustics.gainDb ?? gainDb);
  // Louder around than the chirp would have been: nobody could have heard it.
  if (baseline !== undefined && ambientDbfs > expected)
    return `too loud here to hear anything: ${ambientDbfs.toFixed(0)} dBFS`;
  const then = baseline?.acoustics.ambientDbfs;
  if (then !== undefined && ambientDbfs < then - 15)
    return `the microphone hears nothing, and its noise is ${whole(then - ambientDbfs)} dB less than at commissioning: microphone dead`;
  return then === undefined
    ? 'the microphone does not hear the loudspeaker: loudspeaker silent or microphone dead'
    : 'the microphone lives and does not hear the loudspeaker: loudspeaker silent';
}
