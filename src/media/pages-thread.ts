/** All groups and pages of the media thread. */
import type { Mixer } from '../audio/index.ts';
import type { Random } from '../base/index.ts';
import { KernelClock, Waiting } from '../rtp/multicast.ts';
import type { CardClock } from './card-clock.ts';
import { type GroupSockets, PageReceiver } from './page-receiver.ts';
import { PageSender, type Said } from './page-sender.ts';
import type { Level, PageEvent, PageGroup, Zone } from './page-types.ts';

/** Pages of ours at once. */
const MAX_SENDERS = 16;
/** A clock that is steered does not change by so much between two ticks; one that is set does. */
const SET_MS = 5;

export type ToPages =
  | { kind: 'pages-listen'; group: PageGroup; sockets: GroupSockets }
  | { kind: 'page-level'; page: string; level: Level }
  | { kind: 'page-forget'; page: string }
  | { kind: 'page-send'; page: string; zone: Zone; fd: number; said: Said }
  | { kind: 'page-stop'; page: string };

const isPlaying = (receiver: PageReceiver): boolean => receiver.playing;
const isActive = (receiver: PageReceiver): boolean => receiver.active;

export class PagesThread {
  readonly #rateHz: number;
  readonly #now: () => number;
  readonly #random: Random;
  readonly #post: (event: PageEvent) => void;
  readonly #clock = new KernelClock();
  readonly #receivers: PageReceiver[] = [];
  readonly #senders: PageSender[] = [];
  readonly #fds: number[] = [];
  #waiting = new Waiting([]);
  #count = 0;
  /** Time of day less our own clock. */
  #wallAheadMs = Number.NaN;

  constructor(rateHz: number, now: () => number, random: Random, post: (event: PageEvent) => void) {
    this.#rateHz = rateHz;
    this.#now = now;
    this.#random = random;
    this.#post = post;
  }

  /** Somebody may page at any time: sockets must be looked at. */
  get listening(): boolean {
    return this.#receivers.length > 0;
  }

  get wantsSpeaker(): boolean {
    return this.#receivers.some(isActive);
  }

  get busy(): boolean {
    return this.#senders.length > 0 || this.wantsSpeaker;
  }

  /** Throws what the codecs throw. */
  obey(message: ToPages): void {
    switch (message.kind) {
      case 'pages-listen': {
        const { group, sockets } = message;
        const name = (): string => `multicast-${++this.#count}`;
        this.#fds.push(sockets.sound, ...(sockets.beside === undefined ? [] : [sockets.beside]));
        this.#waiting = new Waiting(this.#fds);
        this.#receivers.push(new PageReceiver(group, sockets, this.#rateHz, this.#clock, name, this.#post));
        return;
      }
      case 'page-level':
        return this.#receiver(message.page)?.level(message.level);
      case 'page-forget':
        return this.#receiver(message.page)?.forget();
      case 'page-send':
        return this.#begin(message);
      case 'page-stop':
        this.#senders.find(({ page }) => page === message.page)?.stop();
        return;
    }
  }

  receive(now: number): void {
    if (this.#receivers.length === 0) return;
    const before = this.#wallAheadMs;
    this.#wallAheadMs = this.#clock.ahead(this.#now, before);
    const wasSet = Math.abs(this.#wallAheadMs - before) > SET_MS;
    if (!this.#waiting.any && !this.#receivers.some(isPlaying)) return;
    for (let i = 0; i < this.#receivers.length; i++) this.#receivers[i].receive(now, this.#wallAheadMs, wasSet);
  }

  hear(mixer: Mixer, volume: number, card: CardClock, mixerMs: number): void {
    for (let i = 0; i < this.#receivers.length; i++) this.#receivers[i].hear(mixer, volume, card, mixerMs);
  }

  /** `heard`: 10 ms of a stream, undefined while it is silent, null when there is no such stream any more. */
  speak(heard: (stream: string) => Int16Array | undefined | null, now: number): void {
    for (let i = 0; i < this.#senders.length; i++) {
      const sender = this.#senders[i];
      const frame = sender.stream === undefined ? undefined : heard(sender.stream);
      if (frame === null) sender.stop();
      sender.speak(frame ?? undefined, now, this.#clock.now());
      if (!sender.over) continue;
      sender.close();
      this.#senders.splice(i--, 1);
    }
  }

  /** The thread stood still for `ms`. */
  skip(ms: number): void {
    for (let i = 0; i < this.#senders.length; i++) this.#senders[i].skip(ms);
  }

  /** Loudspeakers learn of the end by silence. */
  close(): void {
    for (const receiver of this.#receivers) receiver.close();
    for (const sender of this.#senders) sender.close();
  }

  #begin({ page, zone, fd, said }: Extract<ToPages, { kind: 'page-send' }>): void {
    try {
      if (this.#senders.length >= MAX_SENDERS) throw new RangeError(`${MAX_SENDERS} pages are being sent already`);
      this.#senders.push(new PageSender(page, zone, fd, said, this.#rateHz, this.#random, this.#post));
    } catch (error) {
      this.#post({ type: 'page-sent', page, reason: (error as Error).message });
      throw error;
    }
  }

  #receiver(page: string): PageReceiver | undefined {
    return this.#receivers.find((receiver) => receiver.owns(page));
  }
}
