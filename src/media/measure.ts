/** The chirp of a self-test, played and recorded in the tick of the media thread, when nothing else goes on. */
import { type Acoustics, type Mixer, makeChirp, measureChirp } from '../audio/index.ts';
import type { SoundCard } from '../io/soundcard/index.ts';

/** The card is given this long to open, and then to come to rest. */
const OPEN_LIMIT_MS = 4000;
const SETTLE_MS = 400;
/** Steps of the card are put up with after this. */
const PATIENCE_MS = 8000;
const FRAME_MS = 10;

/** What came of it: `reason` when nothing did; `cut`: something more important began. */
export type Measured = { acoustics: Acoustics } | { reason: string; cut: boolean };

export class Measure {
  readonly id: string;
  readonly #card: SoundCard;
  readonly #rateHz: number;
  readonly #levelDbfs: number;
  readonly #chirp: Int16Array;
  readonly #recorded: Int16Array;
  readonly #began: number;
  #openSince = Number.NaN;
  #at = 0;
  #steps = 0;
  result: Measured | undefined;

  constructor(id: string, card: SoundCard, rateHz: number, levelDbfs: number, now: number) {
    this.id = id;
    this.#card = card;
    this.#rateHz = rateHz;
    this.#levelDbfs = levelDbfs;
    this.#chirp = makeChirp(rateHz, levelDbfs);
    this.#recorded = new Int16Array(this.#chirp.length);
    this.#began = now;
  }

  cut(): void {
    this.result ??= { reason: 'something else began', cut: true };
  }

  /** 10 ms into what the loudspeaker plays. True from the moment the card is ready. */
  play(mixer: Mixer, now: number): boolean {
    const { speaker, microphone, reason } = this.#card;
    if (speaker !== 'open' || microphone !== 'open') {
      this.#openSince = Number.NaN;
      this.#at = 0;
      if (now - this.#began >= OPEN_LIMIT_MS)
        this.result ??= { reason: reason === '' ? 'there is no sound card' : reason, cut: false };
      return false;
    }
    if (Number.isNaN(this.#openSince)) this.#openSince = now;
    if (now - this.#openSince < SETTLE_MS) return false;
    const { playBreaks, captureBreaks, playShift, captureShift } = this.#card.timing;
    const steps = 1e9 * (playBreaks + captureBreaks) + playShift + captureShift;
    // Samples lost or put in would bend the sweep: it begins anew, if that does not happen again and again.
    if (this.#at === 0 || (steps !== this.#steps && now - this.#began < PATIENCE_MS)) {
      this.#steps = steps;
      this.#at = 0;
    }
    mixer.add(this.#chirp, this.#at, (this.#rateHz * FRAME_MS) / 1000, 1);
    return true;
  }

  /** What the microphone heard in the same tick. The last of it is looked at here: some ms, while nothing else goes on. */
  hear(frame: Int16Array): void {
    this.#recorded.set(frame, this.#at);
    this.#at += frame.length;
    if (this.#at >= this.#recorded.length)
      this.result ??= { acoustics: measureChirp(this.#recorded, this.#rateHz, this.#levelDbfs) };
  }
}
