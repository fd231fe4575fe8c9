/** One piece of state we publish, RFC 3903: first, refresh, change, 412 and 423, and at the end taken away. */
import { Timers } from '../../base/index.ts';
import type { Hop, SipRequest, SipResponse } from '../message/index.ts';
import type { Account } from './account.ts';
import { ask } from './ask.ts';
import type { Core, Machine } from './core.ts';
import { type HeaderField, retryAfterMs } from './headers.ts';
import { formatPresence, PIDF_TYPE } from './presence.ts';
import { Series } from './series.ts';

/** What we ask for, seconds. */
const PUBLISH_S = 3_600;
/** A change sooner than this after the last PUBLISH waits. */
const PUBLISH_EVERY_MS = 1_000;
const RETRY_MS = 60_000;
/** A server that takes no presence will hardly learn it soon. */
const REFUSED_RETRY_MS = 3_600_000;
const AGAIN_MIN_MS = 2_000;
const FAREWELL_MS = 2_000;

export class Publication implements Machine {
  readonly #core: Core;
  readonly #account: Account;
  readonly #timers = new Timers<'publish' | 'farewell'>();
  readonly #series: Series;
  #busy = false;
  /** What the server knows, and by which name (§4.1). */
  #told: boolean | undefined;
  #etag: string | undefined;
  #seconds = PUBLISH_S;
  /** It has asked for a longer interval already: who goes on asking is not followed. */
  #raised = false;
  #underWay = false;
  #lastAt = Number.NEGATIVE_INFINITY;
  #active = false;
  #stopping = false;

  constructor(core: Core, account: Account) {
    this.#core = core;
    this.#account = account;
    this.#series = new Series(core);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** The account is registered: what it publishes may be told. */
  start(): void {
    if (this.#stopping) return;
    this.#core.machines.add(this);
    this.#active = true;
    this.#timers.set('publish', 0);
  }

  pause(): void {
    this.#active = false;
    this.#timers.clearAll();
  }

  busy(busy: boolean): void {
    this.#busy = busy;
    if (this.#active && !this.#underWay && !this.#stopping && this.#told !== busy)
      this.#timers.set('publish', Math.max(0, this.#lastAt + PUBLISH_EVERY_MS));
  }

  stop(now: number): void {
    this.#stopping = true;
    this.#timers.clearAll();
    if (!this.#active || this.#etag === undefined || this.#account.current === undefined) return this.#finish();
    this.#timers.set('farewell', now + FAREWELL_MS);
    this.#publish(0, now);
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'farewell') return this.#finish();
      this.#publish(this.#seconds, now);
    }
  }

  #publish(seconds: number, now: number): void {
    const hop = this.#account.current;
    if (hop === undefined || (this.#underWay && seconds > 0)) return;
    const busy = this.#busy;
    this.#underWay = true;
    this.#lastAt = now;
    const handler = {
      response: (response: SipResponse, _from: Hop, at: number) => {
        if (response.status >= 200) this.#answered(response, busy, at);
      },
      failed: (_cause: string, _reason: string, at: number) => {
        this.#underWay = false;
        if (this.#stopping) this.#finish();
        else if (this.#active) this.#timers.set('publish', at + RETRY_MS);
      },
    };
    ask(this.#core, { make: () => this.#request(hop, seconds, busy), hop, account: this.#account, handler }, now);
  }

  #request(hop: Hop, seconds: number, busy: boolean): SipRequest {
    const { address } = this.#account.config;
    // §4.1: a refresh and a removal name the state and carry none.
    const whole = seconds > 0 && (this.#etag === undefined || this.#told !== busy);
    const body = { contentType: PIDF_TYPE, bytes: Buffer.from(formatPresence(address, busy)) };
    const headers: HeaderField[] = [
      ['Event', 'presence'],
      ['Expires', String(seconds)],
      ...(this.#etag === undefined ? [] : [['SIP-If-Match', this.#etag] as const]),
    ];
    const routes = this.#account.routesBy(hop);
    const parts = { method: 'PUBLISH', uri: address, from: address, to: address, routes, headers };
    return this.#series.next(whole ? { ...parts, body } : parts);
  }

  #answered(response: SipResponse, busy: boolean, now: number): void {
    const { status } = response;
    this.#underWay = false;
    if (this.#stopping) return this.#finish();
    this.#raised &&= status >= 300;
    if (status < 300) {
      this.#etag = response.header('SIP-ETag');
      this.#told = busy;
      const grantedMs = (response.expires ?? this.#seconds) * 1_000;
      if (this.#active) this.#timers.set('publish', now + Math.max(1_000, grantedMs * 0.8));
      return this.busy(this.#busy);
    }
    // §4.1: 412 means that the server has forgotten: said anew, whole.
    const again = status === 412 && this.#etag !== undefined;
    this.#etag = this.#told = undefined;
    if (!this.#active) return;
    const minimum = status === 423 ? Number(response.header('Min-Expires')) : Number.NaN;
    if (again) return this.#timers.set('publish', now);
    if (!this.#raised && minimum > this.#seconds && minimum <= 86_400) {
      this.#raised = true;
      this.#seconds = minimum;
      return this.#timers.set('publish', now);
    }
    const waitMs = status === 408 || status >= 500 ? RETRY_MS : REFUSED_RETRY_MS;
    // Some say 0 with every refusal.
    this.#timers.set('publish', now + Math.max(retryAfterMs(response) ?? waitMs, AGAIN_MIN_MS));
  }

  #finish(): void {
    this.#timers.clearAll();
    this.#core.machines.delete(this);
  }
}
