/**
 * Brings a voice that is far from the microphone up to the level of one that is near. Slow, and only while somebody speaks:
 * between the words nothing changes, so noise never swells. It never makes anything quieter: that is the limiter's.
 */
import { gainOf } from './level.ts';

/** RMS of running speech that is aimed at. */
const TARGET_DBFS = -22;
/** What it may add at most, and how loud the place may become by it. */
const MAX_GAIN_DB = 18;
const MAX_NOISE_DBFS = -50;
/** Per frame of 10 ms with speech: up 2.5 dB a second, down 20. */
const UP_DB = 0.025;
const DOWN_DB = 0.2;
/** Of the level of speech: half a second. */
const SMOOTHING = 0.02;
/** Nearer than this to the target is near enough. */
const DEAD_BAND_DB = 3;
/** Frames with speech before anything is done: a second. */
const FIRST_FRAMES = 100;

export class Agc {
  #speechPower = -1;
  #frames = 0;
  #gainDb = 0;
  #gain = 1;

  get gainDb(): number {
    return this.#gainDb;
  }

  /**
   * 10 ms, in place. `speech`: somebody speaks, and nothing else can have been heard. `levelDbfs`: of this frame;
   * `ambientDbfs`: of the place, NaN when unknown.
   */
  process(frame: Float32Array, speech: boolean, levelDbfs: number, ambientDbfs: number): void {
    if (speech) this.#learn(levelDbfs, ambientDbfs);
    const to = gainOf(this.#gainDb);
    const step = (to - this.#gain) / frame.length;
    if (step === 0 && to === 1) return;
    for (let i = 0; i < frame.length; i++) frame[i] *= this.#gain += step;
    this.#gain = to;
  }

  #learn(levelDbfs: number, ambientDbfs: number): void {
    const power = 10 ** (levelDbfs / 10);
    // Of the hangover after a word nothing is learned.
    if (this.#speechPower > 0 && power < this.#speechPower / 100) return;
    this.#speechPower = this.#speechPower < 0 ? power : this.#speechPower + SMOOTHING * (power - this.#speechPower);
    if (this.#frames < FIRST_FRAMES) {
      this.#frames++;
      return;
    }
    const wanted = TARGET_DBFS - 10 * Math.log10(this.#speechPower);
    const most = Number.isNaN(ambientDbfs) ? MAX_GAIN_DB : Math.min(MAX_GAIN_DB, MAX_NOISE_DBFS - ambientDbfs);
    const goal = Math.max(0, Math.min(most, wanted));
    if (goal > this.#gainDb + DEAD_BAND_DB) this.#gainDb += UP_DB;
    else if (goal < this.#gainDb - DEAD_BAND_DB || goal === 0) this.#gainDb = Math.max(goal, this.#gainDb - DOWN_DB);
  }
}
