/** A network that exists in numbers only: datagrams are late, lost, doubled and out of order, the same way for the same seed. */
import { formatMessage, type Hop, parseMessage, type SipMessage } from '../../src/sip/message/index.ts';

/** A small seeded generator (mulberry32): 0 .. 1. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Weather {
  /** Shares of all datagrams. */
  loss: number;
  duplication: number;
  /** One way, ms. */
  delayMs: readonly [from: number, to: number];
}

export interface Node {
  readonly host: string;
  readonly deadline: number | undefined;
  receive(message: SipMessage, hop: Hop, now: number): void;
  timeout(now: number): void;
}

interface Event {
  at: number;
  order: number;
  act: () => void;
}

export class Network {
  now = 0;
  delivered = 0;
  readonly #weather: Weather;
  readonly #roll: () => number;
  readonly #nodes = new Map<string, Node>();
  #events: Event[] = [];
  #order = 0;

  constructor(weather: Weather, roll: () => number) {
    this.#weather = weather;
    this.#roll = roll;
  }

  join(node: Node): void {
    this.#nodes.set(node.host, node);
  }

  /** What is sent to it from now on is lost. */
  leave(node: Node): void {
    this.#nodes.delete(node.host);
  }

  /** Does something at a time of its own. */
  at(ms: number, act: () => void): void {
    this.#events.push({ at: ms, order: this.#order++, act });
  }

  send(from: string, to: { host: string; port: number }, message: SipMessage): void {
    const bytes = formatMessage(message);
    const { loss, duplication, delayMs } = this.#weather;
    if (this.#roll() < loss) return;
    const copies = this.#roll() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delay = delayMs[0] + this.#roll() * (delayMs[1] - delayMs[0]);
      this.at(this.now + delay, () => this.#deliver(from, to.host, bytes));
    }
  }

  #deliver(from: string, to: string, bytes: Uint8Array): void {
    const node = this.#nodes.get(to);
    if (node === undefined) return;
    this.delivered++;
    const remote = { host: from, port: 5060 };
    node.receive(parseMessage(bytes), { transport: 'udp', remote, local: { host: to, port: 5060 } }, this.now);
  }

  /** Lets all happen that is due until `until`. */
  run(until: number): void {
    for (;;) {
      let event: Event | undefined;
      for (const one of this.#events) {
        if (event === undefined || one.at < event.at || (one.at === event.at && one.order < event.order)) event = one;
      }
      let sleeper: Node | undefined;
      for (const node of this.#nodes.values()) {
        const { deadline } = node;
        if (deadline !== undefined && (sleeper === undefined || deadline < sleeper.deadline!)) sleeper = node;
      }
      const eventAt = event?.at ?? Number.POSITIVE_INFINITY;
      const wakeAt = sleeper?.deadline ?? Number.POSITIVE_INFINITY;
      const next = Math.min(eventAt, wakeAt);
      if (next > until) break;
      this.now = Math.max(this.now, next);
      if (eventAt <= wakeAt) {
        this.#events = this.#events.filter((one) => one !== event);
        event!.act();
      } else sleeper!.timeout(this.now);
    }
    this.now = until;
  }
}
