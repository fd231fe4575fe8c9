/**
 * A phone in the demo's control room: the same user agent and sound as the terminal's, with somebody at it who only lets it
 * ring, or who answers and speaks.
 */
import { randomBytes } from 'node:crypto';
import { type Logger, type Random, silentLogger } from '../base/index.ts';
import { type CallOutput, Calls } from '../call/index.ts';
import { createMediaEngine } from '../media/index.ts';
import type { MediaEngine } from '../media/types.ts';
import { UserAgent } from '../sip/ua/index.ts';
import type { TerminalInput } from '../terminal/index.ts';

export interface DeskOptions {
  extension: string;
  /** WAV file: what the person says. */
  says: string;
  /** WAV file to be made: what the person hears. */
  hears: string;
  /** Picks up so long after the first ring; absent: never. */
  answersAfterMs?: number;
  random: Random;
  logger?: Logger;
}

export class Desk {
  readonly extension: string;
  readonly calls: Calls;
  readonly #media: MediaEngine;
  readonly #answersAfterMs?: number;
  readonly #perform: (step: () => CallOutput[]) => void;
  readonly #random: Random;
  #call?: string;
  #listener: (what: 'ringing' | 'talking' | 'ended') => void = () => {};

  constructor(options: DeskOptions, perform: (step: () => CallOutput[]) => void) {
    const { extension, says, hears, random, logger = silentLogger } = options;
    this.extension = extension;
    this.#answersAfterMs = options.answersAfterMs;
    this.#perform = perform;
    this.#random = random;
    const sound = { driver: 'file', speaker: hears, microphone: says, rateHz: 16_000, periodMs: 10 } as const;
    this.#media = createMediaEngine({ sound, volume: 100 }, logger);
    const ua = new UserAgent(
      { accounts: [], product: 'Hailpoint demo', user: extension, displayName: 'Control room' },
      random,
    );
    const config = { codecs: ['pcma', 'pcmu'], packetMs: 20, encryption: {}, secretBytes: randomBytes } as const;
    this.calls = new Calls(ua, this.#media, config, random, logger);
    this.#media.onEvent((event) => perform(() => this.calls.noticed(event, performance.now())));
  }

  onChange(listener: (what: 'ringing' | 'talking' | 'ended') => void): void {
    this.#listener = listener;
  }

  /** What a terminal would be told, at a desk. */
  tell(input: TerminalInput): void {
    const now = performance.now();
    if (input.type === 'incoming') {
      const { call } = input;
      this.#call = call;
      this.#perform(() => this.calls.alert(call, now));
      this.#listener('ringing');
      if (this.#answersAfterMs !== undefined) setTimeout(() => this.#answer(call), this.#answersAfterMs);
    } else if (input.type === 'answered') {
      this.calls.listen(input.call, true);
      this.#listener('talking');
    } else if (input.type === 'ended' && input.call === this.#call) {
      this.#call = undefined;
      this.#listener('ended');
    }
  }

  dial(target: string): void {
    const call = this.#random.token();
    this.#call = call;
    this.#perform(() => this.calls.dial(call, target, performance.now()));
  }

  hangup(): void {
    const call = this.#call;
    if (call) this.#perform(() => this.calls.hangup(call, 'hangup', performance.now()));
  }

  async stop(): Promise<void> {
    await this.#media.stop();
  }

  #answer(call: string): void {
    if (this.#call === call) this.#perform(() => this.calls.answer(call, 'sendrecv', performance.now()));
  }
}
