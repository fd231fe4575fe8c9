/** Levels in dB relative to full scale. A full-scale square wave is 0 dBFS, a full-scale sine -3. */

/** What silence is said to be: below the last bit of 16. */
export const SILENCE_DBFS = -100;

export const gainOf = (gainDb: number): number => 10 ** (gainDb / 20);

/** Root mean square of `count` samples at `from`, dBFS. */
export function rmsDbfs(samples: Int16Array, from = 0, count: number = samples.length - from): number {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += samples[i] * samples[i];
  return sum === 0 || count === 0 ? SILENCE_DBFS : 10 * Math.log10(sum / count / 32768 ** 2);
}

/** Volume as its owner turns it, 0..100, to a factor: 0 is mute, 100 is 0 dB, and each 10 in between are 4 dB. */
export function volumeGain(percent: number): number {
  if (!(percent > 0)) return 0;
  return gainOf((Math.min(100, percent) - 100) * 0.4);
}
