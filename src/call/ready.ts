/**
 * The calls a press would make, as far as they can be made before: port, offer and INVITE. What they say holds only while
 * nothing happens, so whatever does happen drops them, and they are made anew once it is quiet. Who wants one in between, or
 * another one, gets it the ordinary way.
 */
import type { Hop } from '../sip/message/index.ts';
import type { Body, Prepared, UaOutput, UserAgentInterface } from '../sip/ua/index.ts';
import type { Call } from './call.ts';
import type { Table } from './table.ts';

/** Of the targets a press may ring at once. */
export const READY_MAX = 4;
/** So long nothing must have happened. */
const QUIET_MS = 30;
/** Made anew no sooner, unless one was wanted: who sends us something every moment must not make us work for it each time. */
const AGAIN_MS = 1_000;
/** What time alone may change (addresses found, servers that rest) is looked at again. It keeps the way warm, too. */
const RENEW_MS = 30_000;

export class Ready {
  readonly #ua: UserAgentInterface;
  readonly #table: Table;
  #uris: readonly string[] = [];
  /** By URI. */
  readonly #calls = new Map<string, Call>();
  /** Those whose INVITE has been sent: nothing drops them any more. */
  readonly #claimed = new Map<string, Call>();
  #due: number | undefined;
  #notBefore = 0;
  #count = 0;

  constructor(ua: UserAgentInterface, table: Table) {
    this.#ua = ua;
    this.#table = table;
  }

  get deadline(): number | undefined {
    return this.#due;
  }

  /** Whom a press would ring first: calls to them are made ready when nothing else goes on. */
  foresee(uris: readonly string[], now: number): void {
    this.#drop();
    this.#uris = [...new Set(uris)].slice(0, READY_MAX);
    this.disturb(now);
  }

  /** Something has happened. */
  disturb(now: number): void {
    if (this.#uris.length === 0) return;
    if (this.#calls.size > 0) this.#drop();
    this.#due = Math.max(now + QUIET_MS, this.#notBefore);
  }

  #drop(): void {
    for (const call of this.#calls.values()) {
      this.#ua.forget(call.session);
      call.close();
    }
    this.#calls.clear();
    this.#due = undefined;
  }

  timeout(now: number): UaOutput[] {
    if (this.#due === undefined || this.#due > now) return [];
    this.#drop();
    this.#due = now + RENEW_MS;
    this.#notBefore = now + AGAIN_MS;
    // Somebody calls already; when that is over, it is a disturbance.
    return this.#table.size > 0 ? [] : this.#uris.flatMap((uri) => this.#prepare(uri, now));
  }

  #prepare(uri: string, now: number): UaOutput[] {
    const session = `out-${++this.#count}`;
    const call = this.#table.make(session, 'outgoing', session);
    call.prepare();
    this.#calls.set(uri, call);
    return this.#ua.prepare({ session, target: uri, body: bodyOf(call) }, now);
  }

  /** The INVITE that a `dial` of `uri` begins with, for whoever wants it out before all else is done; the `dial` has to follow. */
  claim(uri: string): Prepared | undefined {
    const call = this.#calls.get(uri);
    const prepared = call && this.#ua.prepared(call.session);
    if (prepared === undefined) return undefined;
    this.#calls.delete(uri);
    this.#claimed.set(uri, call!);
    this.#notBefore = 0;
    return prepared;
  }

  /** The call whose INVITE has been sent, by the name it has from now on. */
  take(uri: string, id: string): Call | undefined {
    const call = this.#claimed.get(uri);
    this.#claimed.delete(uri);
    call?.begin(id);
    return call;
  }
}

/** How the user agent gets the offer of a call of ours. */
export function bodyOf(call: Call): (hop: Hop, account?: string) => Body {
  return (hop, account) => {
    call.account = account;
    return call.makeOffer(hop);
  };
}
