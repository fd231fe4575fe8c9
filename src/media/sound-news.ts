/** What has changed about the card and the hands-free chain, told no more often than anybody can read. */
import type { SoundCard } from '../io/soundcard/index.ts';
import type { Handsfree } from './handsfree.ts';
import type { FromWorker } from './protocol.ts';
import type { SoundStatus } from './types.ts';

/** Underruns alone are told this often. */
const UNDERRUN_NEWS_MS = 1000;
const HANDSFREE_NEWS_MS = 1000;

export class SoundNews {
  readonly #card: SoundCard;
  readonly #handsfree: Handsfree;
  readonly #realTime: boolean;
  readonly #say: (message: FromWorker) => void;
  #told: SoundStatus | undefined;
  #toldMs = 0;
  #handsfreeTold = '';
  #handsfreeMs = 0;

  constructor(card: SoundCard, handsfree: Handsfree, realTime: boolean, say: (message: FromWorker) => void) {
    this.#card = card;
    this.#handsfree = handsfree;
    this.#realTime = realTime;
    this.#say = say;
  }

  tell(now: number): void {
    if (now - this.#handsfreeMs >= HANDSFREE_NEWS_MS) {
      this.#handsfreeMs = now;
      const status = this.#handsfree.status();
      const text = JSON.stringify(status);
      if (text !== this.#handsfreeTold) this.#say({ kind: 'handsfree', status });
      this.#handsfreeTold = text;
    }
    const { driver, speaker, microphone, reason, microphoneOpened, underruns } = this.#card;
    const told = this.#told;
    if (
      told !== undefined &&
      told.speaker === speaker &&
      told.microphone === microphone &&
      told.reason === reason &&
      told.microphoneOpened === microphoneOpened &&
      (told.underruns === underruns || now - this.#toldMs < UNDERRUN_NEWS_MS)
    )
      return;
    const status = { driver, speaker, microphone, reason, microphoneOpened, underruns, realTime: this.#realTime };
    this.#told = status;
    this.#toldMs = now;
    this.#say({ kind: 'event', event: { type: 'sound', status } });
  }
}
