/** Pages by multicast, between the terminal and the media thread: which group or zone is which, and what a call has to do with it. */
import type { Calls } from '../call/index.ts';
import type { Config } from '../config/index.ts';
import { MediaError } from '../media/index.ts';
import type { MediaEngine, MediaEvent } from '../media/types.ts';
import type { Prompt, TerminalInput } from '../terminal/index.ts';
import type { Sounds } from './sounds.ts';

export interface PagesRooms {
  readonly config: Config['pages'];
  readonly media: MediaEngine;
  readonly sounds: Sounds;
  readonly calls: Calls;
  readonly tell: (input: TerminalInput) => void;
}

export class Pages {
  readonly #rooms: PagesRooms;
  /** Pages that the media thread has told of and not ended. */
  readonly #heard = new Set<string>();
  /** Calls whose sound goes to a zone, and whether it does now. */
  readonly #relayed = new Map<string, string>();
  readonly #missing = new Set<string>();

  constructor(rooms: PagesRooms) {
    this.#rooms = rooms;
  }

  start(): void {
    this.#rooms.media.pages.listen(this.#rooms.config.groups);
    this.#judge();
  }

  /** The network has changed. */
  refresh(): void {
    this.#rooms.media.pages.refresh();
    this.#judge();
  }

  status() {
    return this.#rooms.media.pages.status();
  }

  // ---------------------------------------------------------------- what the terminal wants

  /** A page of a group; or a call, when it goes to a zone. True: nothing else is to be done about it. */
  listen(call: string, zone: string | undefined): boolean {
    if (this.#heard.has(call)) {
      this.#rooms.media.pages.level(call, 'full');
      return true;
    }
    if (zone === undefined) return false;
    this.#rooms.calls.listen(call, false, false);
    this.#relayed.set(call, zone);
    this.#relay(call, zone);
    return true;
  }

  /** True when it was a page. A call that is relayed is silent in its zone, too. */
  hold(call: string, held: boolean): boolean {
    if (this.#heard.has(call)) {
      this.#rooms.media.pages.level(call, held ? 'off' : 'full');
      return true;
    }
    const zone = this.#relayed.get(call);
    if (zone !== undefined && held) this.#rooms.media.pages.stop(call);
    else if (zone !== undefined) this.#relay(call, zone);
    return false;
  }

  duck(call: string, ducked: boolean): void {
    if (this.#heard.has(call)) this.#rooms.media.pages.level(call, ducked ? 'ducked' : 'full');
    else this.#rooms.calls.duck(call, ducked);
  }

  /** True when it was a page. */
  hangup(call: string): boolean {
    if (this.#relayed.delete(call)) this.#rooms.media.pages.stop(call);
    if (this.#heard.has(call)) {
      this.#rooms.media.pages.forget(call);
      return true;
    }
    if (!call.includes('/')) return false;
    this.#rooms.media.pages.stop(call);
    return true;
  }

  send(page: string, zone: string, prompt: Prompt): void {
    const { sounds, media, config } = this.#rooms;
    sounds.take(
      prompt,
      (samples, rateHz) => this.#attempt(page, () => media.pages.send(page, config.zones[zone], samples, rateHz)),
      (problem) => {
        if (problem !== undefined) this.#rooms.tell({ type: 'zone-sent', page, reason: problem });
      },
    );
  }

  // ---------------------------------------------------------------- what is heard

  heard(event: MediaEvent): void {
    const { tell } = this.#rooms;
    switch (event.type) {
      case 'page-begun': {
        const { page, group, from, caller } = event;
        this.#heard.add(page);
        tell({ type: 'multicast', page, group, from, ...(caller !== undefined && { caller }) });
        return;
      }
      case 'page-over': {
        this.#heard.delete(event.page);
        tell({ type: 'multicast-over', page: event.page, reason: wordsOf(event) });
        return;
      }
      case 'page-refused':
        return tell({ type: 'multicast-refused', group: event.group, from: event.from, reason: event.reason });
      case 'page-sent': {
        const { page, reason } = event;
        // The end of a call that was relayed, or of its relaying, is told by the call.
        if (reason !== undefined || !this.#relayed.has(page))
          tell({ type: 'zone-sent', page, ...(reason !== undefined && { reason }) });
        return;
      }
    }
  }

  /** A call has ended, whoever ended it. */
  ended(call: string): void {
    if (this.#relayed.delete(call)) this.#rooms.media.pages.stop(call);
  }

  #relay(call: string, zone: string): void {
    const { calls, media, config } = this.#rooms;
    const stream = calls.streamOf(call);
    if (stream === undefined) return;
    this.#attempt(call, () => media.pages.relay(call, config.zones[zone], stream));
  }

  #attempt(page: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#rooms.tell({ type: 'zone-sent', page, reason: error.message });
    }
  }

  /** A group that is joined nowhere is a fault. */
  #judge(): void {
    for (const { group, joined, reason } of this.status()) {
      const raised = joined.length === 0;
      if (raised === this.#missing.has(group)) continue;
      if (raised) this.#missing.add(group);
      else this.#missing.delete(group);
      const why = raised ? `not joined: ${reason ?? 'no interface'}` : `joined at ${joined.join(', ')}`;
      this.#rooms.tell({ type: 'fault', fault: `multicast:${group}`, raised, reason: why });
    }
  }
}

const ENDS = {
  silence: 'nothing came any more',
  said: 'its sender ended it',
  another: 'somebody else pages there',
} as const;

function wordsOf({ reason, statistics }: Extract<MediaEvent, { type: 'page-over' }>): string {
  const { packetsReceived, packetsLate, lostMs, clock, delayMs } = statistics;
  const by = clock === 'sender' ? "by the sender's clock" : 'by arrival';
  return `${ENDS[reason]}; ${packetsReceived} packets, ${packetsLate} late, ${lostMs} ms lost, ${delayMs} ms delay ${by}`;
}
