/**
 * Takes the loudspeaker's sound out of the microphone's, at any rate of whole frames of 10 ms: the reference is aligned (`delay`,
 * `drift`), passed through the learned room (`filter`) and taken off; what is left of it is suppressed (`suppressor`). Both
 * directions stay open: whoever speaks near is heard while the loudspeaker sounds.
 */
import { type Floats, VectorFft } from '../vectors.ts';
import { DelayFinder, type Search } from './delay.ts';
import { DriftLoop } from './drift.ts';
import { EchoFilter } from './filter.ts';
import { LoudspeakerCurve } from './loudspeaker.ts';
import { HALF_TAPS, ReferenceLine } from './reference.ts';
import { Shadow } from './shadow.ts';
import { Suppressor } from './suppressor.ts';

/** Anywhere in a third of a second, for a start and after a large jump; and near, quickly, after lost or inserted periods. */
const FIRST_SEARCH: Search = { before: 6, after: 32, rate: 0.02, skipped: 4 };
const WATCH: Search = { before: 3, after: 4, rate: 0.08 };
/** Frames for which a change of the room can turn out to have been a jump. */
const REGRET = 300;
/** A filter whose echo was seen where it is expected so many frames ago, works. */
const HERE_FRAMES = 50;
/** Sweeps of the watch that have to agree. */
const AGREE = 3;

export type EchoOptions = {
  /** How long a room may sound after the direct sound, ms. */
  tailMs?: number;
  /** By how much steady noise is lowered, dB; 0 leaves it. */
  noiseReductionDb?: number;
};

const FRAMES_PER_SECOND = 100;
const KEEP_MS = 1000;
/** Where the direct sound is put in the filter, ms. */
const PLACE_MS = 3;
/** Farther back than this it is brought forward, when no more than this share of the filter's power lies in front of it. */
const FAR_MS = 30;
const FRONT_SHARE = 0.1;
/** The microphone waits in steps of this when the echo comes before the reference, ms. */
const HOLD_MS = 10;
const MOST_HOLD_MS = 60;
/** With so much lead it waits a step less. */
const SPARE_MS = 15;
/** And it begins to when the lead would be used up in this time. */
const AHEAD_SECONDS = 30;
/** The delay of the reference before the echo has been found, samples. */
const FIRST_DELAY = HALF_TAPS + 4;
/** Lags of two sweeps are the same when no farther apart than this, samples. */
const SAME = 3;
const LEAST_JUMP_MS = 1.5;
/** The path is not taken to be louder than this, as a power. */
const MOST_GAIN = 4;
/** ERLE from which the canceller counts as converged, and below which no more, dB. */
const CONVERGED_DB = 12;
const LOST_DB = 6;
const FINE_DB = 18;
const LOST_FRAMES = 200;
/**
 * The estimate is what is heard when they share this much of their power; frames with an echo in which they do not, before the
 * room counts as lost.
 */
const EXPLAINED = 0.6;
const UNEXPLAINED = 400;

/** Of `#sums`: powers, and what microphone and echo have in common. Arguments would be boxed. */
const MICROPHONE = 0;
const ERROR = 1;
const ECHO = 2;
const COMMON = 3;

export class EchoCanceller {
  readonly #rateHz: number;
  readonly #frame: number;
  /** A smaller move than this is the clocks' and not a jump, samples. */
  readonly #least: number;
  readonly #line: ReferenceLine;
  readonly #finder: DelayFinder;
  /** Compares the microphone with the echo that is expected: they belong together at lag 0. */
  readonly #watch: DelayFinder;
  readonly #filter: EchoFilter;
  readonly #curve: LoudspeakerCurve;
  readonly #shadow: Shadow;
  readonly #drift: DriftLoop;
  readonly #suppressor: Suppressor;
  readonly #reference: Floats;
  readonly #echo: Floats;
  readonly #error: Floats;
  readonly #heard: Floats;
  readonly #waiting: Floats;
  /** Of this frame. */
  readonly #sums = new Float64Array(4);
  #waitingAt = 0;
  /** Samples that the microphone waits, and samples (with a fraction) that the reference is delayed. */
  #hold = 0;
  #delay = FIRST_DELAY;
  /** Where the direct sound lies in the filter, once it is known. */
  #place: number | undefined;
  /** The alignment has changed: the filter holds a past that was read at the old one. */
  #stale = false;
  #lastLag = Number.NaN;
  #microphonePower = 0;
  #errorPower = 0;
  #converged = false;
  #unexplained = 0;
  /** Frames of far speech with hardly any effect, and nobody near. */
  #bad = 0;
  #sentPower = 0;
  #heardPower = 0;
  #elsewhere = 0;
  /** Frames since the echo was last seen where it is expected. */
  #sinceHere = 0;
  #sinceChange = REGRET;
  #elsewhereLag = 0;

  constructor(rateHz: number, options: EchoOptions = {}) {
    const { tailMs = 260, noiseReductionDb = 12 } = options;
    const frame = rateHz / FRAMES_PER_SECOND;
    this.#rateHz = rateHz;
    this.#frame = frame;
    this.#least = (LEAST_JUMP_MS * rateHz) / 1000;
    const fft = new VectorFft(2 * frame);
    this.#line = new ReferenceLine((rateHz * KEEP_MS) / 1000);
    this.#finder = new DelayFinder(fft, FIRST_SEARCH);
    this.#watch = new DelayFinder(fft, WATCH);
    this.#filter = new EchoFilter(fft, Math.ceil(tailMs / 10));
    this.#curve = new LoudspeakerCurve(fft, this.#filter);
    this.#shadow = new Shadow(fft, this.#filter);
    this.#drift = new DriftLoop(frame);
    this.#suppressor = new Suppressor(fft, rateHz, noiseReductionDb);
    this.#reference = fft.floats(2 * frame);
    this.#echo = fft.floats(frame);
    this.#error = fft.floats(frame);
    this.#heard = fft.floats(frame);
    this.#waiting = fft.floats(((MOST_HOLD_MS + 20) * rateHz) / 1000);
  }

  /** Echo return loss enhancement of the filter alone, over the last second of far speech, dB. */
  get erleDb(): number {
    return 10 * Math.log10((this.#microphonePower + 1) / (this.#errorPower + 1));
  }

  /** The room is known: from now on both may speak. */
  get converged(): boolean {
    return this.#converged;
  }

  /** From the reference to the direct sound in the microphone, ms; 0 until it has been found. */
  get delayMs(): number {
    if (this.#place === undefined) return 0;
    return ((this.#place + this.#delay - this.#hold) * 1000) / this.#rateHz;
  }

  /** How much faster the loudspeaker's clock is than the microphone's, parts in a million. */
  get driftPpm(): number {
    return -this.#drift.drift * 1e6;
  }

  /** How much later than it came the microphone's sound leaves, ms. */
  get latencyMs(): number {
    return ((this.#hold + this.#suppressor.delaySamples) * 1000) / this.#rateHz;
  }

  /**
   * The reference is known to come `samples` later from now on than before (earlier when negative), as when frames of the
   * microphone were lost. The room is still known: nothing has to be learned again.
   */
  realign(samples: number): void {
    this.#shift(-samples);
    // Before the echo has been found there is nothing to keep, and nothing to wait for.
    if (this.#place === undefined) {
      this.#hold = 0;
      this.#delay = FIRST_DELAY;
    }
    this.#restart();
  }

  /** One frame of 10 ms each; `out` may be `microphone`. */
  process(microphone: Int16Array, reference: Int16Array, out: Int16Array): void {
    const frame = this.#frame;
    this.#line.put(reference, frame);
    if (this.#place === undefined) this.#weigh(microphone, reference);
    if (this.#finder.process(microphone, reference)) this.#align(this.#finder.lag ?? 0);
    const waiting = this.#waiting;
    for (let i = 0; i < frame; i++) waiting[(this.#waitingAt + i) % waiting.length] = microphone[i];
    if (this.#stale) this.#rebuild();
    this.#read(0);
    this.#filter.push(this.#reference);
    this.#filter.estimate(this.#echo);
    const from = this.#waitingAt - this.#hold + waiting.length;
    let microphonePower = 0;
    let errorPower = 0;
    let echoPower = 0;
    let common = 0;
    for (let i = 0; i < frame; i++) {
      const heard = waiting[(from + i) % waiting.length];
      const error = heard - this.#echo[i];
      this.#heard[i] = heard;
      this.#error[i] = error;
      microphonePower += heard * heard;
      errorPower += error * error;
      echoPower += this.#echo[i] * this.#echo[i];
      common += heard * this.#echo[i];
    }
    if (this.#converged) this.#look();
    this.#waitingAt = (this.#waitingAt + frame) % waiting.length;
    this.#filter.learn(this.#error, this.#suppressor.near);
    if (this.#converged) {
      this.#curve.learn(this.#error);
      this.#sinceChange++;
      if (this.#shadow.follow(this.#error, this.#suppressor.excess)) this.#sinceChange = 0;
    }
    const sums = this.#sums;
    sums[MICROPHONE] = microphonePower;
    sums[ERROR] = errorPower;
    sums[ECHO] = echoPower;
    sums[COMMON] = common;
    this.#judge();
    this.#delay += this.#drift.follow(this.#echo, this.#error);
    this.#keepAhead();
    this.#suppressor.process(this.#error, this.#echo, this.#filter.residual, this.#shadow.echo, this.#converged, out);
  }

  /** When the clocks will soon have used up the lead of the reference, the microphone waits longer, best while nobody speaks near. */
  #keepAhead(): void {
    const lead = this.#delay - HALF_TAPS - 1;
    const soon = -this.#drift.drift * this.#rateHz * AHEAD_SECONDS;
    const alone = this.#suppressor.near < 0.5;
    if (lead < 0 || (lead < soon && this.#converged && alone)) this.#wait();
    else if (this.#hold > 0 && alone && lead > Math.max(0, soon) + (SPARE_MS * this.#rateHz) / 1000) this.#hurry();
  }

  /** The microphone waits one step longer, and the reference with it: for the filter nothing has moved. */
  #wait(): void {
    const ms = this.#rateHz / 1000;
    if (this.#hold + HOLD_MS * ms > MOST_HOLD_MS * ms) return;
    this.#hold += HOLD_MS * ms;
    this.#delay += HOLD_MS * ms;
    this.#stale = true;
  }

  /** The other way round: who waited while the echo came sooner would be late for good. */
  #hurry(): void {
    const step = (HOLD_MS * this.#rateHz) / 1000;
    this.#hold -= step;
    this.#delay -= step;
    this.#stale = true;
  }

  /** The aligned reference of the frame `age` frames ago goes into the second half of `#reference`. */
  #read(age: number): void {
    const frame = this.#frame;
    const drift = this.#drift.drift;
    const end = this.#line.written - frame - this.#delay - age * frame * (1 - drift);
    this.#reference.copyWithin(0, frame);
    this.#line.read(end, -drift, this.#reference, frame, frame);
    if (age === 0) this.#curve.push(this.#reference, frame);
    this.#curve.apply(this.#reference, frame, frame);
  }

  /** How loud the echo is beside the reference, before anything is known. */
  #weigh(microphone: Int16Array, reference: Int16Array): void {
    for (let i = 0; i < this.#frame; i++) {
      this.#sentPower += reference[i] * reference[i];
      this.#heardPower += microphone[i] * microphone[i];
    }
  }

  #judge(): void {
    const sums = this.#sums;
    const microphonePower = sums[MICROPHONE];
    const echoPower = sums[ECHO];
    const common = sums[COMMON];
    if (echoPower < 100 * this.#frame) return;
    // With somebody near on top the ratio says nothing of the filter. But nobody speaks for so long without a pause.
    const explained = common > 0 && common * common > EXPLAINED * microphonePower * echoPower;
    if (this.#converged && !explained && ++this.#unexplained < UNEXPLAINED) return;
    this.#unexplained = 0;
    this.#microphonePower += 0.02 * (microphonePower - this.#microphonePower);
    this.#errorPower += 0.02 * (sums[ERROR] - this.#errorPower);
    const erleDb = this.erleDb;
    if (erleDb > CONVERGED_DB) {
      this.#converged = true;
      this.#finder.skipped = 0; // what is lost from now on may put the echo well before the reference
    }
    if (erleDb > LOST_DB || this.#suppressor.near > 0) this.#bad = 0;
    else if (++this.#bad >= LOST_FRAMES) {
      this.#converged = false;
      this.#shadow.reset();
    }
  }

  /** A sweep has found the echo `lag` samples after the reference, as both came in. */
  #align(lag: number): void {
    // What the filter takes off well needs no coarse figures.
    if (!this.#converged || this.erleDb < FINE_DB) this.#drift.observe(lag, this.#converged);
    const again = Math.abs(lag - this.#lastLag) <= SAME;
    this.#lastLag = lag;
    if (!again) return;
    const place = lag + this.#hold - this.#delay;
    const ms = this.#rateHz / 1000;
    // A filter that works is right wherever a sweep believes the echo: voices repeat themselves each period of the pitch.
    const works = this.#converged && this.#sinceHere < HERE_FRAMES;
    // But not one that has no place for the direct sound: what repeats itself, as music does, is guessed well enough to pass for that.
    const before = this.#place === undefined && place < 0;
    if (works && !before && (this.#place === undefined || Math.abs(place - this.#place) > this.#least)) {
      this.#place = place;
      return;
    }
    if (this.#place === undefined) {
      this.#recentre(Math.round(place - PLACE_MS * ms));
      this.#filter.begin(Math.min(MOST_GAIN, this.#heardPower / (this.#sentPower + 1)));
      this.#place = lag + this.#hold - this.#delay;
      return;
    }
    const moved = place - this.#place;
    if (Math.abs(moved) < this.#least) {
      this.#place += 0.2 * moved;
      if (works) this.#bringForward(this.#place);
    } else if (this.#finder.strength(lag - moved, SAME) < 0.5) this.#jump(moved);
  }

  /**
   * After a large jump the filter has learned the room where it is now, too far back: its end is cut off, and what looks at its first
   * part sees nothing. By its own account there must be next to nothing in front.
   */
  #bringForward(place: number): void {
    const ms = this.#rateHz / 1000;
    const samples = Math.round(place - PLACE_MS * ms);
    if (samples < FAR_MS * ms || this.#filter.shareBefore(samples) > FRONT_SHARE) return;
    this.#recentre(samples);
    this.#place = place - samples;
    this.#restart();
  }

  /** Where the expected echo is found in the microphone: several times elsewhere, and a period was lost or put in. */
  #look(): void {
    const watch = this.#watch;
    this.#sinceHere++;
    if (!watch.process(this.#heard, this.#echo)) return;
    const lag = watch.lag ?? 0;
    const here = Math.abs(lag) < this.#least || watch.strength(0, SAME) > 0.5;
    if (here) this.#sinceHere = 0;
    if (here || Math.abs(lag - this.#elsewhereLag) > SAME) this.#elsewhere = 0;
    this.#elsewhereLag = lag;
    if (here || ++this.#elsewhere < AGREE) return;
    this.#jump(Math.round(lag));
  }

  /** The echo comes `samples` later than before. What was lately taken for a change of the room was that. */
  #jump(samples: number): void {
    if (this.#sinceChange < REGRET) this.#filter.restore();
    this.#sinceChange = REGRET;
    this.#shift(samples);
    this.#restart();
  }

  #restart(): void {
    this.#finder.restart();
    this.#watch.restart();
    this.#lastLag = Number.NaN;
    this.#elsewhere = 0;
  }

  /** Delays the reference by `samples` more, and the filter by as much less. */
  #recentre(samples: number): void {
    this.#filter.move(-samples);
    this.#shift(samples);
  }

  /** Delays the reference by `samples` more; if it cannot lead by so much, the microphone waits. */
  #shift(samples: number): void {
    this.#delay += samples;
    for (let i = 0; i < MOST_HOLD_MS / HOLD_MS && this.#delay < HALF_TAPS + 1; i++) this.#wait();
    if (this.#delay < HALF_TAPS) this.#delay = HALF_TAPS;
    const longest = (KEEP_MS * this.#rateHz) / 1000 - (this.#filter.partitions + 3) * this.#frame;
    if (this.#delay > longest) this.#delay = longest;
    this.#stale = true;
  }

  /** Reads the past of the reference again, at the new alignment; `#line` is one frame ahead of the filter. */
  #rebuild(): void {
    this.#stale = false;
    this.#curve.forget();
    this.#shadow.reset();
    this.#drift.restart();
    for (let age = this.#filter.partitions + 1; age >= 1; age--) {
      this.#read(age);
      if (age <= this.#filter.partitions) this.#filter.replace(age - 1, this.#reference);
    }
  }
}
