/** When what is written next is heard, by what the card says of what was written last. */
import type { CardTiming } from '../io/soundcard/index.ts';

export class CardClock {
  readonly #samplesPerMs: number;
  readonly #frameSamples: number;
  /** When the first sample of the next frame leaves the card, ms, monotonic; NaN: not known. */
  nextMs = Number.NaN;
  /** How long sound is under way in the card, ms. */
  delayMs = 0;
  /** Counts up when the card has begun anew: what was known of the place before is of no use. */
  breaks = 0;
  #shift = 0;

  constructor(rateHz: number) {
    this.#samplesPerMs = rateHz / 1000;
    this.#frameSamples = rateHz / 100;
  }

  /** Before a frame is written. */
  writes({ playShift, playBreaks }: Readonly<CardTiming>): void {
    this.#shift = playShift;
    this.breaks = playBreaks;
  }

  /** After it. `played`: the card took it. */
  wrote({ playDelay, playShift, playBreaks }: Readonly<CardTiming>, played: boolean, now: number): void {
    const known = played && playBreaks === this.breaks;
    const ahead = playDelay + this.#frameSamples + playShift - this.#shift;
    if (known) this.delayMs = playDelay / this.#samplesPerMs;
    this.nextMs = known ? now + ahead / this.#samplesPerMs : Number.NaN;
    this.breaks = playBreaks;
  }
}
