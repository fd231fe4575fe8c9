/** Pages by multicast: those that come to the groups we listen to, and our own into zones. */
import { type Random, unreachable } from '../base/index.ts';
import type { Floor } from './floor.ts';
import { MulticastPage } from './multicast-page.ts';
import type { Prompt, TerminalAction, TerminalConfig, TerminalInput } from './types.ts';
import { said } from './words.ts';
import { ZonePage } from './zone-page.ts';

export type PageInput = Extract<TerminalInput, { type: `multicast${string}` | 'zone-sent' }>;

/** Messages on their way or waiting for a zone, at once. */
const ZONE_PAGES_MAX = 8;

export class Pages {
  readonly #groups: NonNullable<TerminalConfig['multicast']>;
  readonly #zones: NonNullable<TerminalConfig['zones']>;
  readonly #floor: Floor;
  readonly #random: Random;

  constructor({ multicast = [], zones = {} }: TerminalConfig, floor: Floor, random: Random) {
    this.#groups = multicast;
    this.#zones = zones;
    this.#floor = floor;
    this.#random = random;
  }

  take(input: PageInput, now: number): TerminalAction[] {
    switch (input.type) {
      case 'multicast': {
        const rule = this.#groups.find(({ group }) => group === input.group);
        if (rule === undefined || this.#floor.closed) return [];
        this.#floor.add(new MulticastPage(input, rule, now));
        return [];
      }
      case 'multicast-over': {
        const page = this.#floor.owner(input.page);
        return page instanceof MulticastPage ? page.finish('hangup', input.reason, now) : [];
      }
      case 'multicast-refused': {
        const { group, from, reason } = input;
        const peer = `${from} to ${group}`;
        const page = { type: 'page', call: this.#random.token(), direction: 'incoming', state: 'refused' } as const;
        return [said({ ...page, peer, cause: 'declined', reason })];
      }
      case 'zone-sent': {
        const { page, reason } = input;
        const session = this.#floor.owner(page);
        if (session instanceof ZonePage) return session.sent(page, reason, now);
        // A call is relayed into the zone: its caller must not go on talking to nobody.
        return session === undefined || reason === undefined ? [] : session.end('failed', reason, now);
      }
      default:
        return unreachable(input);
    }
  }

  /** What is to be done, or why not. `call`: the name it gets. */
  send(zone: string, prompt: Prompt, now: number, call: string = this.#random.token()): TerminalAction[] | string {
    if (!Object.hasOwn(this.#zones, zone)) return `there is no zone ${zone}`;
    const others = this.#floor.sessions.filter((session) => session instanceof ZonePage);
    if (others.length >= ZONE_PAGES_MAX) return `${ZONE_PAGES_MAX} pages are on their way already`;
    this.#floor.add(new ZonePage(call, zone, this.#zones[zone], prompt, now));
    return [];
  }
}
