/** A whole user agent on the virtual network. */
import type { Random } from '../../src/base/index.ts';
import type { Hop, SipMessage, SipUri } from '../../src/sip/message/index.ts';
import {
  type AccountConfig,
  type SessionEvent,
  type UaConfig,
  type UaOutput,
  UserAgent,
} from '../../src/sip/ua/index.ts';
import type { Network, Node } from './network.ts';

export const SERVER = '10.0.0.1';

export class SeededRandom implements Random {
  readonly #roll: () => number;
  constructor(roll: () => number) {
    this.#roll = roll;
  }
  uint32(): number {
    return Math.floor(this.#roll() * 2 ** 32);
  }
  token(): string {
    return `${this.uint32().toString(36)}${this.uint32().toString(36)}`;
  }
}

/** A user agent on the virtual network, with a log per session. */
export class Terminal implements Node {
  readonly host: string;
  readonly ua: UserAgent;
  readonly log = new Map<string, SessionEvent['type'][]>();
  readonly registration: string[] = [];
  /** Decides what is done about an event. */
  react: (session: string, event: SessionEvent) => void = () => {};
  readonly #network: Network;

  /** `more`: of its account, which otherwise has the one server. `ua`: what else is configured. */
  constructor(
    host: string,
    user: string,
    network: Network,
    roll: () => number,
    more: Partial<AccountConfig> = {},
    ua: Partial<UaConfig> = {},
  ) {
    this.host = host;
    this.#network = network;
    const account = {
      name: 'pbx',
      address: `sip:${user}@${SERVER}`,
      servers: [],
      username: user,
      password: `pw${user}`,
      expiresMs: 60_000,
      ...more,
    };
    const config = { accounts: [account], product: 'lab', user, displayName: 'Lab', ...ua };
    this.ua = new UserAgent(config, new SeededRandom(roll));
    network.join(this);
  }

  get deadline(): number | undefined {
    return this.ua.deadline;
  }

  receive(message: SipMessage, hop: Hop, now: number): void {
    this.do(this.ua.receive(message, hop, now));
  }

  timeout(now: number): void {
    this.do(this.ua.timeout(now));
  }

  do(outputs: UaOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#network.send(this.host, output.hop.remote, output.message);
          break;
        case 'resolve':
          this.do(this.ua.resolved(output.query, this.#find(output.uri), this.#network.now));
          break;
        case 'registration':
          this.registration.push(output.state);
          break;
        case 'session': {
          const log = this.log.get(output.session) ?? [];
          log.push(output.event.type);
          this.log.set(output.session, log);
          this.react(output.session, output.event);
          break;
        }
      }
    }
  }

  #find(uri: SipUri): Hop[] {
    const remote = { host: uri.host, port: uri.port ?? 5060 };
    return [{ transport: 'udp', remote, local: { host: this.host, port: 5060 } }];
  }
}
