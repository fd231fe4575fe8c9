/** One sender's sound, each sample at its time: packets in, frames of the loudspeaker out. Allocates nothing per frame. */
import { type Decoder, Interpolator } from '../audio/index.ts';
import { Pace } from './pace.ts';
import { Tape } from './tape.ts';
import { MAX_HOLD_MS, Timeline } from './timeline.ts';

/** A packet so far off all others, and off the delay, belongs to a new count of the sender's. */
const JUMP_MS = 1000;
/**
 * So many that come too late for any delay, and none less late than the one before: the sender's count stood still, or the way is
 * longer now. What the network gives all at once after a standstill is less and less late.
 */
const MOVED = 3;
const MOVED_TOLERANCE_MS = 10;
/** Between the arrival of a packet and its place in the card: a frame, and what lies ahead of a sample when it is played. */
const MARGIN_MS = 15;
/**
 * Of any card: so that all who hear the same packets come to the same delay where it must be longer than was asked for. Where as
 * much was asked for, four frames: a card that had underruns has so much in front of it.
 */
const CARD_MS = 20;
const FULL_CARD_MS = 40;
const CARD_STEP_MS = 10;
/** Its delay goes up and down by a little. */
const CARD_SLACK_MS = 4;

export interface PlayoutOptions {
  decoder: Decoder;
  /** Of the time stamps. */
  clockRateHz: number;
  /** Of the frames. */
  rateHz: number;
  delayMs: number;
  /** What decides: packets, or the sender's reports where there are any. */
  sync: 'arrival' | 'clock';
}

export class Playout {
  readonly #options: PlayoutOptions;
  readonly #interpolator: Interpolator;
  readonly #before: Int16Array;
  #timeline: Timeline;
  #tape: Tape;
  #pace: Pace;
  /** What any card may take. */
  readonly #cardMs: number;
  /** What the slowest packets need. */
  #leastMs: number;
  #tooLate = 0;
  #behindMs = 0;
  /** What the tapes before this one had. */
  #received = 0;
  #late = 0;
  #lostMs = 0;

  constructor(options: PlayoutOptions) {
    this.#options = options;
    this.#interpolator = new Interpolator(options.decoder.rateHz, options.rateHz);
    this.#before = new Int16Array(options.rateHz / 100);
    this.#cardMs = Math.max(CARD_MS, Math.min(FULL_CARD_MS, options.delayMs - MARGIN_MS));
    this.#leastMs = MARGIN_MS + this.#cardMs;
    [this.#timeline, this.#tape, this.#pace] = this.#begin();
  }

  /** The sender counts anew: a new source, or the old one has started again. */
  restart(): void {
    this.#received = this.packetsReceived;
    this.#late = this.packetsLate;
    this.#lostMs = this.lostMs;
    [this.#timeline, this.#tape, this.#pace] = this.#begin();
  }

  /** `again`: it repeats what an earlier packet should have brought. */
  put(rtpTimestamp: number, bytes: Uint8Array, offset: number, length: number, arrivalMs: number, again = false): void {
    let ticks = this.#timeline.unwrap(rtpTimestamp);
    if (!again && this.#moved(this.#timeline.behindMs(ticks, arrivalMs))) {
      this.restart();
      ticks = this.#timeline.unwrap(rtpTimestamp);
    }
    if (!again) this.#timeline.observe(ticks, arrivalMs);
    this.#tape.put(ticks, bytes, offset, length);
  }

  #moved(behindMs: number): boolean {
    const { delayMs } = this.#options;
    const tooLate = behindMs > Math.max(MAX_HOLD_MS, delayMs) && behindMs > this.#behindMs - MOVED_TOLERANCE_MS;
    this.#tooLate = tooLate ? this.#tooLate + 1 : 0;
    this.#behindMs = behindMs;
    return behindMs < -JUMP_MS || behindMs > Math.max(JUMP_MS, delayMs) || this.#tooLate >= MOVED;
  }

  report(rtpTimestamp: number, wallMs: number): void {
    this.#timeline.report(rtpTimestamp, wallMs);
  }

  /** Reports of the sender's have come, but do not fit our clock, or ask for more than the delay. `wallAheadMs`: our time of day less that. */
  strange(wallAheadMs: number): boolean {
    return this.#timeline.reported && !this.#timeline.agrees(wallAheadMs, this.#spareMs);
  }

  get reported(): boolean {
    return this.#timeline.reported;
  }

  /**
   * The card has begun anew: the next frame is exactly in place, whatever was played before. `cardMs`: how long sound is under way in
   * the card; where that takes up the delay, it is made longer.
   */
  realign(cardMs = 0): void {
    const usual = cardMs <= this.#cardMs + CARD_SLACK_MS;
    this.#leastMs = MARGIN_MS + (usual ? this.#cardMs : Math.ceil(cardMs / CARD_STEP_MS) * CARD_STEP_MS);
    this.#pace = new Pace(this.#options.decoder.rateHz, this.#options.rateHz);
  }

  /**
   * Fills `frame`, whose first sample is heard at `atMs`. `wallAheadMs`: our time of day less our clock. True when some of it really
   * came.
   */
  fill(frame: Int16Array, atMs: number, wallAheadMs: number): boolean {
    const { length } = frame;
    const pace = this.#pace;
    pace.aim(this.#tape.sampleOf(this.#ticksAt(atMs, wallAheadMs)), length, this.#tape.end);
    const leapt = !Number.isNaN(pace.from);
    // The old place first: behind a leap ahead it is gone.
    if (leapt) this.#tape.read(this.#before, length, pace.from, pace.step);
    const heard = this.#tape.read(frame, length, pace.position, pace.step);
    if (leapt)
      for (let i = 0; i < length; i++) frame[i] = this.#before[i] + ((frame[i] - this.#before[i]) * i) / length;
    pace.advance(length);
    return heard;
  }

  /** All that has come has been played. */
  get playedOut(): boolean {
    return !(this.#pace.position < this.#tape.end);
  }

  /** What was asked for, or more where that is too short. */
  get delayMs(): number {
    const { delayMs, sync } = this.#options;
    return sync === 'clock' ? delayMs : Math.round(this.#timeline.holdMs(delayMs, this.#leastMs));
  }

  get packetsReceived(): number {
    return this.#received + this.#tape.packetsReceived;
  }

  get packetsLate(): number {
    return this.#late + this.#tape.packetsLate;
  }

  get lostMs(): number {
    return this.#lostMs + this.#tape.lostMs;
  }

  #ticksAt(atMs: number, wallAheadMs: number): number {
    const { delayMs, sync } = this.#options;
    if (sync === 'clock' && this.#timeline.agrees(wallAheadMs, this.#spareMs))
      return this.#timeline.ticksByClock(atMs, delayMs, wallAheadMs);
    return this.#timeline.ticksAt(atMs, delayMs, this.#leastMs);
  }

  /** What the way may take when sound is to be there in time. */
  get #spareMs(): number {
    return this.#options.delayMs - this.#leastMs;
  }

  #begin(): [Timeline, Tape, Pace] {
    const { decoder, clockRateHz, rateHz, delayMs } = this.#options;
    this.#tooLate = this.#behindMs = 0;
    return [
      new Timeline(clockRateHz),
      new Tape(decoder, clockRateHz, this.#interpolator, delayMs),
      new Pace(decoder.rateHz, rateHz),
    ];
  }
}
