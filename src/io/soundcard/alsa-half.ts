/**
 * One direction of an ALSA card in the media thread: closed, being opened by the main thread, running, or at fault and tried
 * again. It only makes calls that return at once; see `alsa-library.ts`.
 */
import { type AlsaLibrary, alsaMessage, EPIPE } from './alsa-library.ts';
import type { Half, OpenPcm } from './alsa-open.ts';
import type { CardTiming, HalfState } from './types.ts';

/** A lost card is looked for this often. */
const RETRY_MS = 700;
/** And while nobody needs it, this often: a fault must not outlive its cause, nor be found only by the next emergency. */
const PROBE_MS = 1500;
/** A driver that has not opened by now hangs. What it says later is still heard. */
const OPEN_LIMIT_MS = 2000;
/** A card that moves no frame for this long is stalled, and that is a fault. */
const STALL_MS = 300;
/** And is given up after this, where there is another to turn to. */
const GIVE_UP_MS = 1500;
/** And is no clock any more already after this: PulseAudio's ordinary hiccups are shorter, a gap in the RTP should be too. */
const LATE_MS = 80;
/** What breaks within this after it stood still so long, breaks for that. */
const AFTERMATH_MS = 1000;
const ESTRPIPE = 86;
/** A card that breaks this often within `BROKEN_WINDOW_MS` is closed and opened anew. */
const BROKEN_COUNT = 8;
const BROKEN_WINDOW_MS = 1000;

/** What the half asks of the main thread; the answers come as `opened` and `failed`, with the same `attempt`. */
export interface AlsaDoor {
  open(half: Half, device: string, attempt: number): void;
  close(half: Half, device: string, pcm: OpenPcm): void;
}

export abstract class AlsaHalf {
  readonly half: Half;
  /** Looked at unasked: at the start, and as long as it is at fault. Never the microphone. */
  readonly #probed: boolean;
  protected readonly alsa: () => AlsaLibrary;
  readonly #door: AlsaDoor;
  /** The card that is meant, and the one to turn to when it fails. */
  readonly #devices: readonly string[];
  protected readonly timing: CardTiming;
  readonly #delay = new Int32Array(2);
  protected open: OpenPcm | undefined;
  reason = '';
  openedCount = 0;
  stalled = false;
  /** Of `#devices`: the one tried next. */
  #next = 0;
  /** Of `#devices`: the one that is open or was tried last. */
  #index = 0;
  /** Why the card that is meant is not there. */
  #first = '';
  /** What there was to say before it stalled. */
  #unstalled = '';
  #wanted = false;
  #plugged = true;
  #unproven: boolean;
  #opening = false;
  #attempt = 0;
  #openingSince = 0;
  #retryAt = 0;
  #movedAt = 0;
  #stoodUntil = Number.NEGATIVE_INFINITY;
  #broken: number[] = [];

  constructor(half: Half, devices: readonly string[], timing: CardTiming, alsa: () => AlsaLibrary, door: AlsaDoor) {
    this.half = half;
    this.#probed = half === 'speaker';
    this.#unproven = this.#probed;
    this.#devices = devices;
    this.timing = timing;
    this.alsa = alsa;
    this.#door = door;
  }

  /** On the fall-back it is open, with the `reason` why. */
  get state(): HalfState {
    if (this.open !== undefined && !this.stalled) return 'open';
    return this.reason === '' ? 'closed' : 'fault';
  }

  /** Wanted, and on its way. */
  get opening(): boolean {
    return this.#wanted && this.#opening && this.reason === '';
  }

  /** Moves frames now. */
  get running(): boolean {
    return this.open !== undefined && !this.stalled;
  }

  /** Something is to be done although nobody wants the half. */
  get restless(): boolean {
    return this.#unproven;
  }

  /** Whether it is needed from now on. The one that is meant is tried first each time: whoever falls back goes back when all is quiet. */
  want(wanted: boolean, now: number): void {
    if (wanted !== this.#wanted) {
      this.#next = 0;
      if (wanted) this.#retryAt = 0;
    }
    this.#wanted = wanted;
    if (!wanted) {
      this.#release();
      if (!this.#unproven) {
        if (this.#plugged) this.reason = '';
        else if (this.reason === '') this.reason = `There is no ${this.half} "${this.#devices[0]}"`;
        return;
      }
    }
    if (this.open !== undefined) return;
    if (this.#opening) {
      if (now - this.#openingSince >= OPEN_LIMIT_MS) this.#failed(`Cannot open ${this.#name()}: its driver hangs`, now);
      return;
    }
    if (now < this.#retryAt) return;
    this.#opening = true;
    this.#openingSince = now;
    this.#index = this.#next;
    this.#door.open(this.half, this.#devices[this.#index], ++this.#attempt);
  }

  /**
   * Cards have come or gone: what is at fault is looked for at once, what is closed is looked at. `plugged`: whether the card
   * that is meant is there, which is all that can be known of a microphone without opening it.
   */
  look(plugged: boolean): void {
    this.#retryAt = 0;
    if (this.open === undefined) this.#unproven = this.#probed;
    this.#plugged = plugged;
  }

  opened(attempt: number, device: string, open: OpenPcm, now: number): void {
    if (attempt !== this.#attempt || !this.#opening) {
      this.#door.close(this.half, device, open);
      return;
    }
    this.#opening = false;
    this.openedCount++;
    this.open = open;
    if (this.#index === 0) {
      this.#unproven = false;
      this.reason = '';
    } else {
      this.reason += `; "${device}" takes its place`;
    }
    this.stalled = false;
    if (!this.#wanted) {
      this.#release();
      return;
    }
    this.#movedAt = now;
    this.#broken = [];
    this.started(open, now);
  }

  failed(attempt: number, reason: string, now: number): void {
    if (attempt === this.#attempt && this.#opening) this.#failed(reason, now);
  }

  #failed(reason: string, now: number): void {
    this.#opening = false;
    if (this.#wanted || this.#probed) this.#fault(reason, now);
  }

  /** The end of the thread: closing a stalled device would hang, and with it the end of the process; the kernel does it then. */
  abandon(): void {
    if (this.stalled) this.open = undefined;
    this.#release();
  }

  /** Frames ready to be read or free to be written; -1 when there is trouble, which is dealt with. */
  protected available(now: number): number {
    if (this.open === undefined) return -1;
    const available = Number(this.alsa().avail(this.open.pcm));
    if (available >= 0) return available;
    this.trouble(available, now);
    return -1;
  }

  /** Frames between the next one written or read and the air, by the driver's own account; `otherwise` when it gives none. */
  protected delay(otherwise: number): number {
    if (this.open === undefined || this.alsa().delay(this.open.pcm, this.#delay) < 0) return otherwise;
    return this.#delay[0];
  }

  /** Frames moved, so the card lives. */
  protected moved(now: number): void {
    if (this.late(now)) this.#stoodUntil = now;
    this.#movedAt = now;
    if (!this.stalled) return;
    this.stalled = false;
    this.reason = this.#unstalled;
  }

  /** Too slow to be the clock. */
  protected late(now: number): boolean {
    return now - this.#movedAt >= LATE_MS;
  }

  /** It stands still, or has until just now: longer than any buffer lasts. */
  protected stood(now: number): boolean {
    return this.late(now) || now - this.#stoodUntil < AFTERMATH_MS;
  }

  /** No frame moved just now: for how long may this go on? */
  protected idle(now: number): void {
    if (this.open === undefined) return;
    const stoodMs = now - this.#movedAt;
    if (!this.stalled && stoodMs >= STALL_MS) {
      this.stalled = true;
      this.#unstalled = this.reason;
      this.reason = `${capital(this.#name())} stopped: nothing moved for ${STALL_MS} ms`;
    }
    if (stoodMs >= GIVE_UP_MS && this.#index + 1 < this.#devices.length) this.#giveUp(this.reason, now);
  }

  /** A negative result of a call on the device: an xrun is mended, anything else means the card is gone. */
  protected trouble(result: number, now: number): void {
    const { open } = this;
    if (open === undefined) return;
    const recoverable = result === -EPIPE || result === -ESTRPIPE;
    this.#broken = this.#broken.filter((at) => now - at < BROKEN_WINDOW_MS);
    this.#broken.push(now);
    const mended =
      recoverable && this.#broken.length < BROKEN_COUNT ? this.alsa().recover(open.pcm, result, 1) : result;
    if (mended >= 0) return this.recovered(open, now);
    this.lose(mended, now);
    // It is there, and only has to be begun from the beginning.
    if (mended === result && recoverable) this.#retryAt = now;
  }

  /** The card is gone: it is closed and looked for again. */
  protected lose(result: number, now: number): void {
    this.#giveUp(`Lost ${this.#name()}: ${alsaMessage(this.alsa(), result)}`, now);
  }

  #giveUp(reason: string, now: number): void {
    if (this.open === undefined) return;
    this.#door.close(this.half, this.#devices[this.#index], this.open);
    this.open = undefined;
    this.stalled = false;
    this.#fault(reason, now);
  }

  /** The fall-back is tried at once, the first of them a little later. Of two that fail, the reasons of both are told. */
  #fault(reason: string, now: number): void {
    this.reason = this.#index === 0 ? reason : `${this.#first}; ${reason}`;
    if (this.#index === 0) this.#first = reason;
    this.#unproven = this.#probed;
    const last = this.#index + 1 === this.#devices.length;
    this.#next = this.#wanted && !last ? this.#index + 1 : 0;
    this.#retryAt = this.#next > 0 ? now : now + (this.#wanted ? RETRY_MS : PROBE_MS);
  }

  #name(): string {
    return `the ${this.half} "${this.#devices[this.#index]}"`;
  }

  #release(): void {
    if (this.open !== undefined) this.#door.close(this.half, this.#devices[this.#index], this.open);
    this.open = undefined;
    if (this.stalled) this.#unproven = this.#probed;
    this.stalled = false;
  }

  /** The device has just been opened. */
  protected abstract started(open: OpenPcm, now: number): void;
  /** An xrun was mended; the device is prepared and empty. */
  protected abstract recovered(open: OpenPcm, now: number): void;
}

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);
