/** One subscription of ours, RFC 6665 §4.1: asked for, refreshed, begun anew; the dialog is made by the first NOTIFY. */
import { Timers } from '../../base/index.ts';
import { Dialog } from '../dialog/index.ts';
import type { Hop, SipRequest, SipResponse } from '../message/index.ts';
import type { Account } from './account.ts';
import { ask } from './ask.ts';
import type { Core, Handler, InDialog, Machine } from './core.ts';
import { eventOf, type SubscriptionState, subscriptionStateOf } from './event.ts';
import { type HeaderField, retryAfterMs } from './headers.ts';
import { sendInside } from './inside.ts';
import { Series } from './series.ts';

/** What we ask for, seconds; the server may grant less. */
const SUBSCRIBE_S = 3_600;
/** §4.1.2.4: without a NOTIFY by then there is no subscription. */
const NOTIFY_PATIENCE_MS = 32_000;
const RETRY_MS = 60_000;
/** A server that does not know the package will hardly learn it soon. */
const REFUSED_RETRY_MS = 3_600_000;
const AGAIN_MIN_MS = 2_000;
/** At the stop nobody waits longer for the answer. */
const FAREWELL_MS = 2_000;

export interface Wanted {
  /** The event package, and the body it comes with. */
  event: string;
  accept: string;
  /** The state as a NOTIFY brings it. */
  heard(body: Uint8Array, now: number): void;
}

export class Subscriber implements Machine, InDialog {
  readonly #core: Core;
  readonly #account: Account;
  readonly #wanted: Wanted;
  readonly #timers = new Timers<'subscribe' | 'notify' | 'farewell'>();
  /** Of the SUBSCRIBE whose dialog is to come, or has come. */
  #series: Series | undefined;
  #sent: SipRequest | undefined;
  #dialog: Dialog | undefined;
  #hop: Hop | undefined;
  #seconds = SUBSCRIBE_S;
  /** It has asked for a longer interval already: who goes on asking is not followed. */
  #raised = false;
  #attempt = 0;
  #stopping = false;

  constructor(core: Core, account: Account, wanted: Wanted) {
    this.#core = core;
    this.#account = account;
    this.#wanted = wanted;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** The account is registered (again). */
  start(): void {
    this.#core.machines.add(this);
    if (this.#dialog === undefined && !this.#stopping) this.#timers.set('subscribe', 0);
  }

  /** Its server is gone, and with it the subscription. */
  pause(): void {
    this.#drop();
    this.#timers.clearAll();
  }

  stop(now: number): void {
    this.#stopping = true;
    this.#timers.clearAll();
    const { current } = this.#account;
    if (this.#dialog === undefined || current === undefined) return this.#finish();
    this.#timers.set('farewell', now + FAREWELL_MS);
    const done = (): void => this.#finish();
    this.#refresh(
      this.#dialog,
      current,
      0,
      { response: (response) => response.status >= 200 && done(), failed: done },
      now,
    );
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'farewell') return this.#finish();
      if (name === 'notify') {
        this.#drop();
        this.#timers.set('subscribe', now + RETRY_MS);
      } else this.#subscribe(now);
    }
  }

  acknowledged(): void {
    // There is no INVITE here.
  }

  /** Whether a NOTIFY outside any known dialog is the first one to our SUBSCRIBE: it may come before the 200. */
  expects(notify: SipRequest): boolean {
    return (
      this.#dialog === undefined &&
      this.#series !== undefined &&
      notify.callId === this.#series.callId &&
      notify.toTag === this.#series.tag &&
      eventOf(notify)?.name === this.#wanted.event
    );
  }

  /** The first NOTIFY makes the dialog. */
  begin(notify: SipRequest, hop: Hop, transaction: string, now: number): void {
    if (this.#sent === undefined) return this.#core.answer(transaction, notify, 481, now);
    this.#dialog = Dialog.subscriber(this.#sent, notify);
    this.#core.dialogs.set(this.#dialog.id, this);
    this.#take(notify, hop, transaction, now);
  }

  request(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    if (this.#dialog?.admit(request) !== true)
      return this.#core.answer(transaction, request, 500, now, 'CSeq Out Of Order');
    if (request.method !== 'NOTIFY') return this.#core.answer(transaction, request, 481, now);
    if (eventOf(request)?.name !== this.#wanted.event) return this.#core.answer(transaction, request, 489, now);
    this.#dialog.refresh(request);
    this.#take(request, hop, transaction, now);
  }

  #take(notify: SipRequest, _hop: Hop, transaction: string, now: number): void {
    this.#core.answer(transaction, notify, 200, now);
    this.#timers.clear('notify');
    const state = subscriptionStateOf(notify);
    if (notify.body.length > 0 && notify.contentType === this.#wanted.accept) this.#wanted.heard(notify.body, now);
    if (this.#stopping) return;
    if (state.state !== 'terminated') {
      if (state.expiresMs !== undefined) this.#refreshBefore(state.expiresMs, now);
      return;
    }
    this.#drop();
    this.#timers.set('subscribe', now + againAfterMs(state));
  }

  #subscribe(now: number): void {
    const hop = this.#account.current;
    // Not registered: `start` comes again.
    if (hop === undefined) return;
    const attempt = ++this.#attempt;
    const handler: Handler = {
      response: (response, _from, at) => {
        if (attempt === this.#attempt && response.status >= 200) this.#answered(response, at);
      },
      failed: (_cause, _reason, at) => {
        if (attempt !== this.#attempt) return;
        this.#drop();
        this.#timers.set('subscribe', at + RETRY_MS);
      },
    };
    if (this.#dialog !== undefined) return this.#refresh(this.#dialog, hop, this.#seconds, handler, now);
    const series = new Series(this.#core);
    this.#series = series;
    this.#hop = hop;
    const make = (): SipRequest => {
      this.#sent = this.#first(series, hop);
      return this.#sent;
    };
    this.#timers.set('notify', now + NOTIFY_PATIENCE_MS);
    ask(this.#core, { make, hop, account: this.#account, handler }, now);
  }

  #first(series: Series, hop: Hop): SipRequest {
    const { address } = this.#account.config;
    const [routes, headers] = [this.#account.routesBy(hop), this.#headers(hop, this.#seconds)];
    return series.next({ method: 'SUBSCRIBE', uri: address, from: address, to: address, routes, headers });
  }

  #headers(hop: Hop, seconds: number): HeaderField[] {
    return [
      ['Contact', this.#core.contact(this.#account.user, hop, this.#account.secure)],
      ['Event', this.#wanted.event],
      ['Accept', this.#wanted.accept],
      ['Expires', String(seconds)],
    ];
  }

  #refresh(dialog: Dialog, hop: Hop, seconds: number, handler: Handler, now: number): void {
    const headers = this.#headers(hop, seconds);
    const near = this.#hop ?? hop;
    sendInside(this.#core, { dialog, near, account: this.#account, method: 'SUBSCRIBE', headers, handler }, now);
  }

  #answered(response: SipResponse, now: number): void {
    const { status } = response;
    this.#raised &&= status >= 300;
    if (status < 300) return this.#refreshBefore((response.expires ?? this.#seconds) * 1_000, now);
    const minimum = status === 423 ? Number(response.header('Min-Expires')) : Number.NaN;
    if (!this.#raised && minimum > this.#seconds && minimum <= 86_400) {
      this.#raised = true;
      this.#seconds = minimum;
      return this.#subscribe(now);
    }
    const known = this.#dialog !== undefined;
    this.#drop();
    this.#timers.clear('notify');
    // §4.1.2.2: 481 ends the subscription; another one may be had at once.
    const waitMs = status === 481 && known ? 1_000 : status === 408 || status >= 500 ? RETRY_MS : REFUSED_RETRY_MS;
    // Some say 0 with every refusal.
    this.#timers.set('subscribe', now + Math.max(retryAfterMs(response) ?? waitMs, AGAIN_MIN_MS));
  }

  #refreshBefore(grantedMs: number, now: number): void {
    this.#timers.set('subscribe', now + Math.max(1_000, grantedMs * 0.8));
  }

  #drop(): void {
    this.#attempt++;
    if (this.#dialog !== undefined) this.#core.dialogs.delete(this.#dialog.id);
    this.#dialog = undefined;
    this.#sent = undefined;
    this.#series = undefined;
  }

  #finish(): void {
    this.#drop();
    this.#timers.clearAll();
    this.#core.machines.delete(this);
  }
}

/** §4.1.3: when the reason lets us come back. */
function againAfterMs({ reason, retryAfterMs: askedMs }: SubscriptionState): number {
  switch (reason) {
    case 'deactivated':
    case 'timeout':
      return 1_000;
    case 'rejected':
    case 'noresource':
    case 'invariant':
      return REFUSED_RETRY_MS;
    default:
      return Math.min(Math.max(askedMs ?? RETRY_MS, 1_000), REFUSED_RETRY_MS);
  }
}
