/**
 * A sound card as the media thread sees it: mono s16 at the engine's rate, 10 ms at a time, pulled by the thread's tick.
 * A card may be the clock of the tick (`wait`); its halves come and go as they are wanted, and a fault is a state, not an exception.
 */
import { CodedError } from '../../base/index.ts';

/** The tick of the media thread and the length of every frame, ms. */
export const TICK_MS = 10;

export type HalfState = 'closed' | 'open' | 'fault';

/** `tick`: the next 10 ms are due. `again`: look at your messages and ask once more. `none`: this card has no clock now. */
export type Wait = 'tick' | 'again' | 'none';

/**
 * When what is written is heard by the microphone of the same card, for an echo canceller. All in samples at the engine's rate;
 * the same object for the life of the card, kept up to date by `read` and `write`.
 *
 * The first sample of the frame last written leaves the card `playDelay` after the `write`; the last sample of the frame last
 * read came in `captureDelay` before the `read`. Both are as exact as the driver is, resamplers included. Between two breaks of
 * a half its samples are counted: the distance of the two halves then changes by their shifts alone, and by the drift of two clocks.
 */
export interface CardTiming {
  playDelay: number;
  captureDelay: number;
  /** Played beyond what was written (above 0), or written and not played: the level was corrected. Ever since the start. */
  playShift: number;
  /** Silence handed out for sound that was not there yet (above 0), or sound dropped. Ever since the start. */
  captureShift: number;
  /** How often a half began, or began anew after an xrun: how much was lost then nobody knows. */
  playBreaks: number;
  captureBreaks: number;
}

/** Of a card that has none. */
export function noTiming(): CardTiming {
  return { playDelay: 0, captureDelay: 0, playShift: 0, captureShift: 0, playBreaks: 0, captureBreaks: 0 };
}

export interface SoundCard {
  readonly driver: string;
  readonly timing: Readonly<CardTiming>;
  /** Is handed each 10 ms that really goes to the loudspeaker, in order, the silence of a start and blended frames included. */
  reference: ((frame: Int16Array) => void) | undefined;
  readonly speaker: HalfState;
  readonly microphone: HalfState;
  /** The loudspeaker is wanted and not open yet, and nothing says that it will not be. */
  readonly opening: boolean;
  /** Why a half is in `fault`; else empty. */
  readonly reason: string;
  /** How often the microphone was opened. */
  readonly microphoneOpened: number;
  /** Periods the loudspeaker missed. */
  readonly underruns: number;
  /** It records even when nobody wants it (the WAV of the `file` driver), so the thread never sleeps. */
  readonly alwaysRunning: boolean;
  /** It looks after itself while nobody wants it (a fault to be cleared): `want` must be called now and then. */
  readonly restless: boolean;
  /** Which halves are wanted from now on; cheap, called each tick. `now`: ms, monotonic. */
  want(speaker: boolean, microphone: boolean, now: number): void;
  /** Sleeps until this card's next 10 ms. */
  wait(now: number): Wait;
  /** Fills `frame` with 10 ms of the microphone. False: nothing there, `frame` is silence. */
  read(frame: Int16Array): boolean;
  /** 10 ms for the loudspeaker. True when the card took them. */
  write(frame: Int16Array): boolean;
  /** The thread slept over `ms` (suspended, overloaded): a recording stays in step with the clock. */
  skip(ms: number): void;
  close(): void;
}

/** Sleeps at most `ms`; true when a message woke it early. */
export type Sleep = (ms: number) => boolean;

export class SoundError extends CodedError {}
