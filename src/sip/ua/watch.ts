/**
 * Looks after one account's servers with OPTIONS: a server that has died is noticed within 10 s, one that comes back within
 * 6 s. Any response counts as a sign of life, a refusal too (§11.1).
 */
import { Timers } from '../../base/index.ts';
import { formatHostPort, type Hop, type SipResponse } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import { Series } from './series.ts';

/** From one probe to the next. */
const PROBE_MS = 5_000;
/** Until a server has ever answered one, sooner: only then does its silence say that it is dead. */
const FIRST_PROBE_MS = 500;
/** A probe without an answer by then (four copies over UDP) has failed. */
const PROBE_PATIENCE_MS = 4_000;
/** An answer this late means that the server may have been away, and may have forgotten us. */
const PROBE_LATE_MS = 900;

export interface WatchListener {
  /**
   * The server of `hop` answers. `late`: it needed more than one copy of the question. `moved`: it sees us at another
   * address than before.
   */
  alive(hop: Hop, sign: 'usual' | 'late' | 'moved', now: number): void;
  /** None of the hops answered. */
  dead(now: number): void;
  /** Nobody listens there, says the network; another copy of the question may be heard. */
  refused?(now: number): void;
}

export class Watch {
  readonly #core: Core;
  readonly #account: Account;
  readonly #listener: WatchListener;
  readonly #timers = new Timers<'probe' | 'patience'>();
  readonly #series: Series;
  #hops: () => readonly Hop[] = () => [];
  /** `received` and `rport` of the last answer (RFC 3581): where the server sees us. */
  #seenAt: string | undefined;
  #everAnswered = false;
  /** The probes under way. */
  #open = new Set<string>();

  constructor(core: Core, account: Account, listener: WatchListener) {
    this.#core = core;
    this.#account = account;
    this.#listener = listener;
    this.#series = new Series(core);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** Whether any server of the account has answered any probe. */
  get everAnswered(): boolean {
    return this.#everAnswered;
  }

  /** Asks the hops (all of them, at once) from now on; which they are is looked up each time. */
  start(hops: () => readonly Hop[], now: number): void {
    this.stop();
    this.#hops = hops;
    this.#seenAt = undefined;
    this.#timers.set('probe', now + (this.#everAnswered ? PROBE_MS : FIRST_PROBE_MS));
  }

  /** Asks at once, if it asks at all. */
  hurry(now: number): void {
    if (this.#timers.has('probe')) this.#timers.set('probe', now);
  }

  stop(): void {
    this.#timers.clearAll();
    this.#drop();
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'probe') this.#probe(now);
      else {
        this.#drop();
        this.#listener.dead(now);
      }
    }
  }

  #drop(): void {
    for (const transaction of this.#open) this.#core.abandon(transaction);
    this.#open.clear();
  }

  #probe(now: number): void {
    this.#timers.set('probe', now + PROBE_MS);
    this.#timers.set('patience', now + PROBE_PATIENCE_MS);
    for (const hop of this.#hops()) this.#ask(hop, now);
  }

  #ask(hop: Hop, now: number): void {
    let id = '';
    const over = (): boolean => {
      const known = this.#open.delete(id);
      if (known && this.#open.size === 0) this.#timers.clear('patience');
      return known;
    };
    this.#core.send(
      this.#options(hop),
      hop,
      {
        sent: (transaction) => this.#open.add((id = transaction)),
        response: (response, from, at) => {
          if (response.status < 200 || !over()) return;
          this.#timers.clear('patience');
          this.#everAnswered = true;
          this.#core.targets.alive(hop, at);
          this.#listener.alive(from, this.#sign(response, at - now), at);
        },
        failed: (_cause, _reason, at) => {
          if (over() && this.#open.size === 0) this.#listener.dead(at);
        },
        refused: (at) => {
          if (this.#open.has(id)) this.#listener.refused?.(at);
        },
      },
      now,
    );
  }

  #sign(response: SipResponse, tookMs: number): 'usual' | 'late' | 'moved' {
    const { params } = response.via;
    const before = this.#seenAt;
    this.#seenAt = `${params.get('received')} ${params.get('rport')}`;
    if (before !== undefined && before !== this.#seenAt) return 'moved';
    return tookMs > PROBE_LATE_MS ? 'late' : 'usual';
  }

  #options(hop: Hop) {
    const { remote, transport } = hop;
    const target = `sip:${formatHostPort(remote.host, remote.port)}${transport === 'udp' ? '' : `;transport=${transport}`}`;
    return this.#series.next({
      method: 'OPTIONS',
      uri: target,
      from: this.#account.config.address,
      to: target,
      headers: [
        ['Contact', this.#core.contact(this.#account.user, hop, this.#account.secure)],
        ['Accept', 'application/sdp'],
      ],
    });
  }
}
