/**
 * What every codec here looks like: a decoder and an encoder, each with the memory of one stream. Payloads are what RTP carries;
 * samples are mono s16. A payload's length says nothing about its duration in general, and the clock of its time stamps need
 * not be the rate of its samples (G.722: 8000 and 16000, Opus: always 48000), so both are asked for.
 */

import { CodedError } from '../base/index.ts';

/** `code`: `codec-unknown`, or `opus-library`: there is no libopus, or it fails. */
export class CodecError extends CodedError {}

/** What offer and answer settled about the way the sound is written. */
export interface CodecFormat {
  /** As SDP names it, upper case: `PCMA`, `PCMU`, `G722`, `OPUS`, `L16`. */
  encoding: string;
  /** Of the time stamps. */
  clockRateHz: number;
  channels: number;
  /** Of Opus: what the other side wishes to receive. */
  opus?: OpusWishes;
}

/** RFC 7587 §6.1, as the receiver of the sound says it; absent: it does not mind. */
export interface OpusWishes {
  /** It cannot play more. */
  maxPlaybackRateHz?: number;
  maxAverageBitrate?: number;
  /** `useinbandfec`: it can make use of the redundancy. */
  fec?: boolean;
  /** `usedtx`: it wishes that pauses are not sent. */
  dtx?: boolean;
  cbr?: boolean;
}

export interface Decoder {
  /** Of the samples it makes. */
  readonly rateHz: number;
  /** Where nothing came, how long `conceal` is worth listening to. 0: it has nothing of its own, see `Concealer`. */
  readonly concealsMs: number;
  /** How many samples that payload makes, by its looks; 0: it cannot be read. */
  samplesIn(payload: Uint8Array, offset: number, length: number): number;
  /** Writes the samples of the payload to `to` at `at`; returns how many. 0: it cannot be read, and is as good as lost. */
  decode(payload: Uint8Array, offset: number, length: number, to: Int16Array, at: number): number;
  /** Goes on for `count` samples with what was heard last. Only where `concealsMs` is not 0. */
  conceal(to: Int16Array, at: number, count: number): void;
  /**
   * In place of `conceal`, when the packet behind the hole is here already: the last `count` samples before it, from what it
   * repeats of them; it is decoded itself afterwards. False when it repeats nothing: nothing was written then, and nothing changed.
   */
  recover(next: Uint8Array, offset: number, length: number, to: Int16Array, at: number, count: number): boolean;
}

/** `noise`: RFC 3389, a payload of another type. `pause`: it need not be sent. */
export type Made = 'sound' | 'noise' | 'pause';

export interface Encoder {
  /** Of the samples it takes. */
  readonly rateHz: number;
  /** What `encode` made last. */
  readonly made: Made;
  /** `count` samples, one packet of 10 .. 60 ms, as payload into `to` at `offset`; returns its length. */
  encode(from: Int16Array, at: number, count: number, to: Uint8Array, offset: number): number;
  /** What share of our packets the other side misses, 0 .. 1. */
  expectLoss(share: number): void;
}

/** Of codecs without a memory: what they have none of. */
export const NO_CONCEALMENT = {
  concealsMs: 0,
  conceal(): void {},
  recover: (): boolean => false,
} as const;
export const ONLY_SOUND = { made: 'sound', expectLoss(): void {} } as const;
