/**
 * What the registrar knows of us, RFC 3261 §10.2.3: a REGISTER without Contact asks for the bindings. A UDP server that was
 * started anew between two probes has forgotten ours, and nothing else would show it before the refresh.
 */
import { Timers } from '../../base/index.ts';
import { equalUris, type Hop, parseNameAddr, readOr, type SipResponse, type SipUri } from '../message/index.ts';
import { type Account, samePlace } from './account.ts';
import { ask } from './ask.ts';
import type { Core } from './core.ts';
import { Registers } from './register.ts';

/** From one question to the next: between this and half as much again. */
const ASK_MS = 40_000;
/** A refresh that comes as soon after the question says the same. */
const REFRESH_NEAR_MS = 10_000;
/** So often in a row it has "forgotten" us although we registered anew: it only does not tell. */
const FORGOTTEN_MAX = 2;

export interface Binding {
  uri: SipUri;
  /** As it was written. */
  expires: string | null | undefined;
}

/** §10.2.4: our binding among those a registrar lists, under our name for it or as the only one. */
export function ownBinding(response: SipResponse, contact: string): Binding | undefined {
  const ours = parseNameAddr(contact).uri;
  const all = response.list('Contact').flatMap(readBinding);
  return all.find(({ uri }) => equalUris(uri, ours)) ?? (all.length === 1 ? all[0] : undefined);
}

/** Another device's binding may be anything: one that cannot be read is none of ours. */
function readBinding(text: string): Binding[] {
  return readOr([], () => {
    const { uri, params } = parseNameAddr(text, 'Contact');
    return [{ uri, expires: params.get('expires') }];
  });
}

export class Bindings {
  readonly #core: Core;
  readonly #account: Account;
  readonly #forgotten: (now: number) => void;
  readonly #timers = new Timers<'ask'>();
  readonly #registers: Registers;
  #asked: { hop: Hop; uri: SipUri; refreshAt: number } | undefined;
  #missing = 0;

  /** `forgotten`: the registrar answers, and our binding is not among those it lists. */
  constructor(core: Core, account: Account, forgotten: (now: number) => void) {
    this.#core = core;
    this.#account = account;
    this.#forgotten = forgotten;
    this.#registers = new Registers(core, account);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** `response`: the 200 that granted `contact`; one that lists nothing will not list anything later. */
  start(hop: Hop, response: SipResponse, contact: string, refreshAt: number, now: number): void {
    const uri = ownBinding(response, contact)?.uri;
    if (this.#asked !== undefined && !samePlace(this.#asked.hop, hop)) this.#missing = 0;
    this.#asked = uri && { hop, uri, refreshAt };
    this.#again(now);
  }

  stop(): void {
    this.#timers.clearAll();
    this.#asked = undefined;
    this.#missing = 0;
  }

  timeout(now: number): void {
    for (const _ of this.#timers.due(now)) this.#ask(now);
  }

  #again(now: number): void {
    this.#timers.clearAll();
    if (this.#asked === undefined || this.#missing >= FORGOTTEN_MAX) return;
    const at = now + ASK_MS + (this.#core.random.uint32() % (ASK_MS / 2));
    if (at + REFRESH_NEAR_MS < this.#asked.refreshAt) this.#timers.set('ask', at);
  }

  #ask(now: number): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    ask(
      this.#core,
      {
        make: () => this.#registers.make(),
        hop: asked.hop,
        account: this.#account,
        handler: {
          response: (response, _from, at) => {
            // An answer that comes after a new registration says nothing about it.
            if (response.status >= 200 && asked === this.#asked) this.#answered(response, asked.uri, at);
          },
          // Whether it is dead, the probes say.
          failed: (_cause, _reason, at) => {
            if (asked === this.#asked) this.#again(at);
          },
        },
      },
      now,
    );
  }

  #answered(response: SipResponse, ours: SipUri, now: number): void {
    if (response.status >= 300) return this.#again(now);
    const known = response
      .list('Contact')
      .flatMap(readBinding)
      .some(({ uri }) => equalUris(uri, ours));
    this.#missing = known ? 0 : this.#missing + 1;
    this.#again(now);
    if (!known && this.#missing < FORGOTTEN_MAX) this.#forgotten(now);
  }
}
