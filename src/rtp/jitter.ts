/**
 * The jitter buffer: the network puts packets in when they come, the sound card takes them out when their turn has come.
 * It is kept by RTP time stamp, so loss, pauses between talk spurts and telephone-event packets among the audio all look
 * alike: a gap in time. It holds payloads as they came and knows no codec.
 *
 * The time line moves only when something is taken: an empty buffer stops it ('wait'), which makes the delay longer by
 * itself; what was waited is then deducted from the gap that a lost packet left. `excessMs` and `shortMs` say how far the
 * delay is from what is wanted, for the taker to make the sound a little shorter or longer (`TimeScale` in audio).
 *
 * Loss is what the sequence numbers say: a gap in time without one in the numbers is a pause of a sender that does not send silence.
 */
import { uint16Diff, uint32Diff } from '../base/index.ts';
import { DelayEstimator } from './delay.ts';
import type { RtpHeader } from './packet.ts';

export type BufferMode =
  | { kind: 'adaptive'; minMs: number; maxMs: number }
  /** Held this long after the fastest packets, whatever the network does. */
  | { kind: 'fixed'; delayMs: number };

export type Put = 'stored' | 'late' | 'duplicate' | 'too-long';

/**
 * `packet`: `payload` holds it. `lost`: a gap of `durationTicks` must be concealed, more is there behind it. `pause`: the same,
 * but nothing was sent there. `wait`: nothing is due now; conceal or play silence, and ask again when that is played.
 */
export type Taken = 'packet' | 'lost' | 'pause' | 'wait';

/** 640 ms of 10 ms packets. */
export const MAX_PACKETS = 64;
/** 60 ms of 16-bit samples at 16 kHz would not fit one Ethernet frame; this is what does. */
export const MAX_PAYLOAD_BYTES = 1480;
/** So much above the target the sound is cut instead of shortened: the rest of a burst after a standstill. */
const CUT_MS = 120;
/** A time stamp this far from both what the sequence and what the clock say is a new time base. */
const JUMP_MS = 1000;
/** So much more than the packets ask for: what is there to the very ms that a tick takes it is there a sample too late. */
const SEEN_MS = 0.6;
/** At first, while little is known, packets are held so much longer than at least. */
const LEARNING_MS = 8000;
const UNSURE_MS = 10;
/** The very first packet is held so much shorter than the least delay. */
const FIRST_MS = 10;
/** After something lost was found in the packet behind it, those are waited for so long. */
const REPAIR_MS = 10_000;
/** Between two time bases, so much more than a packet is a pause and not the network. */
const PAUSE_MS = 60;
/** Remembered time stamps of what was played, to tell a late duplicate from a late packet. */
const PLAYED = 16;
/** Remembered numbers of packets that are no audio, to tell them from lost ones. */
const PASSED = 32;

interface Slot {
  used: boolean;
  /** Unwrapped time stamp, ticks since the first packet. */
  ticks: number;
  /** Unwrapped. */
  sequence: number;
  durationTicks: number;
  transitMs: number;
  arrivalMs: number;
  length: number;
  payload: Uint8Array;
}

export class JitterBuffer {
  readonly #ticksPerMs: number;
  readonly #mode: BufferMode;
  readonly #delay = new DelayEstimator();
  readonly #slots: Slot[] = [];
  readonly #played = new Float64Array(PLAYED).fill(Number.NaN);
  #playedAt = 0;
  readonly #passed = new Float64Array(PASSED).fill(Number.NaN);
  #passedAt = 0;
  #count = 0;

  #started = false;
  #restart = false;
  #lastSequence = 0;
  /** The same, unwrapped. */
  #lastNumber = 0;
  #number = 0;
  #lastTimestamp = 0;
  /** Number of the last packet that was astray. */
  #strayed = Number.NaN;
  #lastTicks = 0;
  #lastDuration = 0;
  #lastArrivalMs = 0;

  #learntAtMs = Number.NaN;
  #neededMs = 0;
  #repairMs = 0;
  #repairUntilMs = 0;
  #playing = false;
  #nextTicks = 0;
  /** Where the packet last taken ended. */
  #endTicks = Number.NEGATIVE_INFINITY;
  #endNumber = 0;
  #startAtMs = 0;
  #waitingSinceMs = Number.NaN;
  #targetMs: number;

  /** Of the packet last taken; valid until the next `put`. */
  payload: Uint8Array;
  payloadLength = 0;
  /** Of the packet or gap last taken. */
  durationTicks = 0;
  /** Of the gap last taken, when the packet behind it is here: that packet's payload, which may repeat what is missing. */
  next: Uint8Array;
  nextLength = 0;
  /** How much longer than wanted the packet last taken is held; below 0: shorter. */
  excessMs = 0;
  /** How much longer it should be held, so that those behind it are not late; below 0: there is so much to spare. */
  shortMs = 0;
  /** From the fastest packet's arrival to its play-out, as of the packet last taken. */
  delayMs = 0;

  packetsLate = 0;
  packetsDuplicate = 0;
  /** Thrown away to catch up, or because the buffer was full. */
  packetsCut = 0;
  lostTicks = 0;
  packetsRepaired = 0;

  constructor(clockRateHz: number, mode: BufferMode) {
    this.#ticksPerMs = clockRateHz / 1000;
    this.#mode = mode;
    this.#targetMs = mode.kind === 'fixed' ? mode.delayMs : mode.minMs;
    for (let i = 0; i < MAX_PACKETS; i++) {
      const payload = new Uint8Array(MAX_PAYLOAD_BYTES);
      this.#slots.push({
        used: false,
        ticks: 0,
        sequence: 0,
        durationTicks: 0,
        transitMs: 0,
        arrivalMs: 0,
        length: 0,
        payload,
      });
    }
    this.payload = this.next = this.#slots[0].payload;
  }

  /** How long packets are meant to be held, ms. */
  get targetMs(): number {
    return this.#targetMs;
  }

  /** Transit of the fastest packet of the last seconds, ms. */
  get fastestMs(): number {
    return this.#delay.fastestMs;
  }

  /** Packets waiting. */
  get size(): number {
    return this.#count;
  }

  /** The next packet comes from another source or with a new numbering: it is put behind what is here. */
  restart(): void {
    this.#restart = true;
  }

  /** What was lost stood in the packet behind, `durationMs` later: those are worth waiting for, for some time. */
  repaired(durationMs: number, now: number): void {
    this.packetsRepaired++;
    this.#repairMs = durationMs;
    this.#repairUntilMs = now + REPAIR_MS;
  }

  /** A packet of the same numbering that is no audio: its number is not missing. */
  pass(header: RtpHeader): void {
    if (!this.#started || this.#restart) return;
    const number = this.#lastNumber + uint16Diff(header.sequence, this.#lastSequence);
    if (!this.#passed.includes(number)) this.#passed[this.#passedAt++ % PASSED] = number;
  }

  /** Keeps a packet of `durationTicks` whose payload lies in `bytes` where `header` says. */
  put(header: RtpHeader, durationTicks: number, bytes: Uint8Array, arrivalMs: number): Put {
    if (header.payloadLength > MAX_PAYLOAD_BYTES) return 'too-long';
    if (this.#astray(header, arrivalMs)) {
      this.packetsLate++;
      return 'late';
    }
    const restarted = this.#restart;
    const ticks = this.#unwrap(header, durationTicks, arrivalMs);
    const transitMs = arrivalMs - ticks / this.#ticksPerMs;
    this.#delay.observe(transitMs, arrivalMs);
    this.#retarget(arrivalMs);
    const beginning = arrivalMs < this.#startAtMs && ticks >= this.#endTicks;
    if (this.#playing && !beginning && ticks + durationTicks <= this.#nextTicks) {
      if (this.#played.includes(ticks)) {
        this.packetsDuplicate++;
        return 'duplicate';
      }
      this.packetsLate++;
      return 'late';
    }
    for (let i = 0; i < MAX_PACKETS; i++) {
      if (!this.#slots[i].used || this.#slots[i].ticks !== ticks) continue;
      this.packetsDuplicate++;
      return 'duplicate';
    }
    if (this.#count === MAX_PACKETS) this.#cut(this.#first()!);
    const slot = this.#free();
    slot.used = true;
    slot.ticks = ticks;
    slot.sequence = this.#number;
    slot.durationTicks = durationTicks;
    slot.transitMs = transitMs;
    slot.arrivalMs = arrivalMs;
    slot.length = header.payloadLength;
    for (let i = 0; i < header.payloadLength; i++) slot.payload[i] = bytes[header.payloadOffset + i];
    this.#count++;
    const waiting = !Number.isNaN(this.#waitingSinceMs);
    const spurt = header.marker || restarted || (ticks > this.#endTicks && this.#missing(slot) === 0);
    if (!this.#playing || (waiting && this.#count === 1 && spurt && ticks >= this.#nextTicks)) {
      // The start of a talk spurt: the moment to take up the delay that is wanted by now, unheard. But the first word of all
      // is not held: the taker makes the delay behind it.
      const first = !this.#playing && this.#mode.kind === 'adaptive';
      const heldMs = first ? this.#mode.minMs - FIRST_MS : this.#targetMs - (transitMs - this.#delay.fastestMs);
      this.#playing = true;
      this.#nextTicks = ticks;
      this.#waitingSinceMs = Number.NaN;
      this.#startAtMs = arrivalMs + Math.max(0, heldMs);
    } else if (beginning && ticks < this.#nextTicks) {
      this.#nextTicks = ticks; // overtaken by the packet that started the spurt
    }
    return 'stored';
  }

  /** What is to be played in `aheadTicks`, when what was taken before is played. */
  take(now: number, aheadTicks = 0): Taken {
    if (!this.#playing || now < this.#startAtMs) return 'wait';
    let first = this.#first();
    if (first === undefined) {
      if (Number.isNaN(this.#waitingSinceMs)) this.#waitingSinceMs = now;
      return 'wait';
    }
    const playAtMs = now + aheadTicks / this.#ticksPerMs;
    while (this.#heldMs(first, playAtMs) > this.#targetMs + CUT_MS && this.#count > 1) {
      this.#cut(first);
      first = this.#first()!;
      this.#nextTicks = first.ticks;
    }
    if (!Number.isNaN(this.#waitingSinceMs)) {
      const gap = first.ticks - this.#nextTicks;
      const waited = Math.round((now - this.#waitingSinceMs) * this.#ticksPerMs);
      this.#nextTicks += Math.max(0, Math.min(gap, waited));
      this.#waitingSinceMs = Number.NaN;
    }
    const gap = first.ticks - this.#nextTicks;
    if (gap > 0) return this.#gap(first, gap);
    this.delayMs = this.#heldMs(first, playAtMs);
    this.excessMs = this.delayMs - this.#targetMs;
    this.shortMs = Math.min(this.#neededMs, this.#targetMs) - this.delayMs;
    this.payload = first.payload;
    this.payloadLength = first.length;
    this.nextLength = 0;
    this.durationTicks = first.durationTicks;
    this.#nextTicks = this.#endTicks = first.ticks + first.durationTicks;
    this.#endNumber = first.sequence;
    this.#played[this.#playedAt++ % PLAYED] = first.ticks;
    this.#release(first);
    return 'packet';
  }

  /** Packet by packet; a rest comes first, so that what may be repeated in the packet behind is whole. */
  #gap(first: Slot, gap: number): Taken {
    const rest = gap % first.durationTicks;
    this.durationTicks = gap > first.durationTicks && rest > 0 ? rest : Math.min(gap, first.durationTicks);
    this.#nextTicks += this.durationTicks;
    this.nextLength = 0;
    if (this.#missing(first) === 0) return 'pause';
    this.next = first.payload;
    if (gap === this.durationTicks) this.nextLength = first.length;
    this.lostTicks += this.durationTicks;
    return 'lost';
  }

  /** Audio packets between the one last taken and `slot` that have not come. */
  #missing(slot: Slot): number {
    let missing = Math.max(0, slot.sequence - this.#endNumber - 1);
    for (let i = 0; i < PASSED; i++)
      if (this.#passed[i] > this.#endNumber && this.#passed[i] < slot.sequence) missing--;
    return Math.max(0, missing);
  }

  /** From when `slot` would have come, had it been as fast as the fastest, until `now`. */
  #heldMs(slot: Slot, now: number): number {
    return now - slot.arrivalMs + slot.transitMs - this.#delay.fastestMs;
  }

  #retarget(now: number): void {
    if (this.#mode.kind === 'fixed') return;
    if (Number.isNaN(this.#learntAtMs)) this.#learntAtMs = now + LEARNING_MS;
    const { minMs, maxMs } = this.#mode;
    const leastMs = now < this.#learntAtMs ? minMs + UNSURE_MS : minMs;
    this.#neededMs = this.#delay.wantedMs + SEEN_MS + (now < this.#repairUntilMs ? this.#repairMs : 0);
    this.#targetMs = Math.min(maxMs, Math.max(leastMs, this.#neededMs));
  }

  /**
   * A number from before the last one, with a time that cannot be that packet's: it would be waited for, maybe for hours. Two in a row
   * are a sender that has begun anew.
   */
  #astray({ sequence, rtpTimestamp }: RtpHeader, arrivalMs: number): boolean {
    if (!this.#started || this.#restart) return false;
    const steps = uint16Diff(sequence, this.#lastSequence);
    const ahead = uint32Diff(rtpTimestamp, this.#lastTimestamp);
    if (steps > 0 || !this.#jumped(steps, ahead, arrivalMs)) return false;
    this.#restart = uint16Diff(sequence, this.#strayed) === 1;
    this.#strayed = sequence;
    return !this.#restart;
  }

  /** By neither the numbers nor the clock a packet may lie `ahead` ticks further than the last one. */
  #jumped(steps: number, ahead: number, arrivalMs: number): boolean {
    const jump = JUMP_MS * this.#ticksPerMs;
    const byClock = (arrivalMs - this.#lastArrivalMs) * this.#ticksPerMs;
    return Math.abs(ahead - steps * this.#lastDuration) > jump && Math.abs(ahead - byClock) > jump;
  }

  #unwrap(header: RtpHeader, durationTicks: number, arrivalMs: number): number {
    const { sequence, rtpTimestamp } = header;
    let ticks = 0;
    this.#number = this.#lastNumber + 1;
    if (this.#started) {
      const steps = uint16Diff(sequence, this.#lastSequence);
      const ahead = uint32Diff(rtpTimestamp, this.#lastTimestamp);
      const bySequence = steps * this.#lastDuration;
      const byClock = (arrivalMs - this.#lastArrivalMs) * this.#ticksPerMs;
      if (!this.#restart) this.#number = this.#lastNumber + steps;
      if (this.#restart || (steps > 0 && (ahead < 0 || this.#jumped(steps, ahead, arrivalMs)))) {
        // A new time base: laid behind the old one, with the pause that really was.
        const step = this.#restart ? this.#lastDuration : bySequence;
        ticks = this.#lastTicks + (byClock > step + PAUSE_MS * this.#ticksPerMs ? Math.round(byClock) : step);
        this.#delay.reset();
      } else {
        ticks = this.#lastTicks + ahead;
        if (steps <= 0) return ticks; // overtaken on the way: not the new reference
      }
    }
    this.#started = true;
    this.#restart = false;
    this.#lastSequence = sequence;
    this.#lastNumber = this.#number;
    this.#lastTimestamp = rtpTimestamp;
    this.#lastTicks = ticks;
    this.#lastDuration = durationTicks;
    this.#lastArrivalMs = arrivalMs;
    return ticks;
  }

  #first(): Slot | undefined {
    let first: Slot | undefined;
    for (let i = 0; i < MAX_PACKETS; i++) {
      const slot = this.#slots[i];
      if (slot.used && (first === undefined || slot.ticks < first.ticks)) first = slot;
    }
    return first;
  }

  #free(): Slot {
    let i = 0;
    while (this.#slots[i].used) i++;
    return this.#slots[i];
  }

  #release(slot: Slot): void {
    slot.used = false;
    this.#count--;
  }

  #cut(slot: Slot): void {
    this.packetsCut++;
    this.#release(slot);
  }
}
