/** The REGISTER under way, RFC 3261 §10.2: one at a time, and an answer to an earlier one is not heard. */
import type { Hop, SipResponse } from '../message/index.ts';
import type { Account } from './account.ts';
import { ask } from './ask.ts';
import type { Core } from './core.ts';
import { flowParams } from './flow.ts';
import { Registers } from './register.ts';

/** Our Contact, and the server it is known at. */
export interface Binding {
  hop: Hop;
  contact: string;
}

export interface Outcomes {
  /** Provisional and final ones. `contact`: what was asked for. */
  answered(response: SipResponse, hop: Hop, contact: string, now: number): void;
  unanswered(cause: 'timeout' | 'transport', reason: string, now: number): void;
  /** Nobody listens there, says the network; a later copy may be heard. */
  refused(now: number): void;
}

export class Registering {
  readonly #core: Core;
  readonly #account: Account;
  readonly #regId: number;
  readonly #registers: Registers;
  readonly #outcomes: Outcomes;
  #transaction: string | undefined;
  #attempt = 0;
  #asked: Binding | undefined;
  /** The first hop knows no outbound (RFC 5626 §11.6). */
  plain = false;
  /** A binding to be taken away with the next REGISTER: its address is not the one we are seen at. */
  obsolete: string | undefined;

  constructor(core: Core, account: Account, regId: number, outcomes: Outcomes) {
    this.#core = core;
    this.#account = account;
    this.#regId = regId;
    this.#outcomes = outcomes;
    this.#registers = new Registers(core, account);
  }

  get underWay(): boolean {
    return this.#transaction !== undefined;
  }

  /** What the last one asked for, and where. */
  get asked(): Binding | undefined {
    return this.#asked;
  }

  /** Ends the one that is under way, if any. */
  quit(): void {
    this.#attempt++;
    if (this.#transaction !== undefined) this.#core.abandon(this.#transaction);
    this.#transaction = undefined;
  }

  start(hop: Hop, expiresMs: number, now: number): void {
    const { user, secure } = this.#account;
    const flow = this.plain ? '' : flowParams(this.#core.config.instance, this.#regId);
    const contact = `${this.#core.contact(user, { ...hop, outbound: false }, secure)}${flow}`;
    this.#send({ hop, contact }, expiresMs, now);
  }

  /** §10.2.2: our own binding only, other devices of the same address stay. */
  remove(binding: Binding, now: number): void {
    this.#send(binding, 0, now);
  }

  #send({ hop, contact }: Binding, expiresMs: number, now: number): void {
    const attempt = ++this.#attempt;
    this.#asked = { hop, contact };
    const make = () => this.#registers.make({ contact, expiresMs, obsolete: this.obsolete });
    const handler = {
      sent: (transaction: string) => {
        if (attempt === this.#attempt) this.#transaction = transaction;
      },
      response: (response: SipResponse, from: Hop, at: number) => {
        if (attempt !== this.#attempt) return;
        if (response.status >= 200) this.#transaction = undefined;
        this.#outcomes.answered(response, { ...from, local: hop.local, deaf: hop.deaf }, contact, at);
      },
      failed: (cause: 'timeout' | 'transport', reason: string, at: number) => {
        if (attempt === this.#attempt) this.#outcomes.unanswered(cause, reason, at);
      },
      refused: (at: number) => {
        if (attempt === this.#attempt) this.#outcomes.refused(at);
      },
    };
    ask(this.#core, { make, hop, account: this.#account, handler }, now);
  }

  /** Beside whatever is under way, at a server that is left. `done`: it has answered, or will not. */
  leave({ hop, contact }: Binding, done: (now: number) => void, now: number): void {
    const make = () => this.#registers.make({ contact, expiresMs: 0 });
    const handler = {
      response: ({ status }: SipResponse, _from: Hop, at: number) => (status < 200 ? undefined : done(at)),
      failed: (_cause: string, _reason: string, at: number) => done(at),
    };
    ask(this.#core, { make, hop, account: this.#account, handler }, now);
  }
}
