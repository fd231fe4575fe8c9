/**
 * How loud the loudspeaker is: what its owner set, raised or lowered with the noise of the place within limits, under the
 * ceiling of the hour. Changes are slow, so that nobody hears them; what a person turns is heard at once.
 */
import { volumeGain } from './level.ts';

/** Percent of volume per dB of noise: one step of `volumeGain` is 0.4 dB. */
const PERCENT_PER_DB = 2.5;
/** A frame: 4 dB a second up, 1.5 down. */
const UP_PERCENT = 0.1;
const DOWN_PERCENT = 0.04;

export interface LoudnessConfig {
  /** 0 .. 100 */
  volume: number;
  /** Follows the noise of the place: `volume` holds at `quietDbfs`, each dB more is answered by one. */
  follow: boolean;
  /** 0 .. 100, of what following makes of it. */
  min: number;
  max: number;
  quietDbfs: number;
}

export class Loudness {
  readonly #config: LoudnessConfig;
  #volume: number;
  /** What following adds, percent. */
  #added = 0;
  #ceiling = 100;
  gain: number;

  constructor(config: LoudnessConfig) {
    this.#config = config;
    this.#volume = config.volume;
    this.gain = volumeGain(this.percent);
  }

  /** As it is now. */
  get percent(): number {
    const { follow, min, max } = this.#config;
    const { volume } = this;
    // Who turns it to nothing, or beyond the limits, is obeyed.
    const followed = follow
      ? Math.max(Math.min(volume, min), Math.min(Math.max(volume, max), volume + this.#added))
      : volume;
    return volume === 0 ? 0 : Math.min(this.#ceiling, followed);
  }

  /** The noise of the place decides. */
  get follows(): boolean {
    return this.#config.follow;
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(percent: number) {
    this.#volume = percent;
    this.gain = volumeGain(this.percent);
  }

  /** The most there may be now; 100: no limit. */
  set ceiling(percent: number) {
    this.#ceiling = percent;
    this.gain = volumeGain(this.percent);
  }

  /** Each 10 ms: the noise of the place, NaN where it is not known. */
  update(ambientDbfs: number): void {
    const { follow, min, max, quietDbfs } = this.#config;
    if (!follow || Number.isNaN(ambientDbfs)) return;
    const wanted = (ambientDbfs - quietDbfs) * PERCENT_PER_DB;
    const goal = Math.max(Math.min(0, min - this.#volume), Math.min(Math.max(0, max - this.#volume), wanted));
    if (goal === this.#added) return;
    this.#added =
      goal > this.#added ? Math.min(goal, this.#added + UP_PERCENT) : Math.max(goal, this.#added - DOWN_PERCENT);
    this.gain = volumeGain(this.percent);
  }
}
