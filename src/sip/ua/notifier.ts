/**
 * State served to consoles: SUBSCRIBE to `dialog` (RFC 4235) and `message-summary` (RFC 3842), RFC 6665 §4.2. Who may
 * subscribe is asked again before each NOTIFY: one who has lost our trust is told that it is over, and nothing else.
 */
import { Dialog } from '../dialog/index.ts';
import { formatUri, type Hop, type SipRequest } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import { DialogBook, type DialogRecord } from './dialog-info.ts';
import { eventOf } from './event.ts';
import { accepts, type HeaderField } from './headers.ts';
import {
  ALLOW_EVENTS,
  grantedSeconds,
  PACKAGES,
  SUBSCRIPTION_MIN_S,
  Subscription,
  TYPES,
  type Waiting,
} from './subscription.ts';

/** One more is answered 480. */
export const SUBSCRIPTIONS_MAX = 32;

/** The account by whose server a request came, `'direct'` for others who may watch, undefined for those who may not. */
export type Watcher = (request: SipRequest | undefined, hop: Hop) => Account | 'direct' | undefined;

export class Notifier {
  readonly #core: Core;
  readonly #watcher: Watcher;
  readonly #subscriptions = new Map<string, Subscription>();
  #waiting: Waiting = { fresh: 0, old: 0 };
  readonly book = new DialogBook((record) => this.#changed(record));

  constructor(core: Core, watcher: Watcher) {
    this.#core = core;
    this.#watcher = watcher;
  }

  has(dialogId: string): boolean {
    return this.#subscriptions.has(dialogId);
  }

  /** A SUBSCRIBE outside a dialog. */
  subscribe(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    const refuse = (status: number, headers: HeaderField[] = []): void =>
      this.#core.answer(transaction, request, status, now, undefined, headers);
    const watcher = this.#watcher(request, hop);
    if (watcher === undefined) return refuse(403);
    const event = eventOf(request);
    if (event === undefined || !PACKAGES.includes(event.name)) return refuse(489, [ALLOW_EVENTS]);
    if (!accepts(request, TYPES[event.name])) return refuse(406, [['Accept', TYPES[event.name]]]);
    if (!['sip', 'sips'].includes(request.contacts[0]?.uri.scheme ?? '')) return refuse(400);
    const seconds = grantedSeconds(request);
    if (seconds === undefined) return refuse(423, [['Min-Expires', String(SUBSCRIPTION_MIN_S)]]);
    // §4.4.3: asked once, without a subscription: it costs no place.
    if (seconds > 0 && this.#subscriptions.size >= SUBSCRIPTIONS_MAX) return refuse(480, [['Retry-After', '60']]);
    const account = watcher === 'direct' ? undefined : watcher;
    const subscription = new Subscription(
      {
        core: this.#core,
        book: this.book,
        waiting: () => this.#waiting,
        allowed: (from, way) => this.#watcher(from, way) !== undefined,
        gone: (id) => this.#subscriptions.delete(id),
      },
      Dialog.uas(request, this.#core.random.token()),
      hop,
      account,
      event,
      entityOf(request, account),
      this.#core.contact(account?.user ?? this.#core.config.user, hop, request.parsedUri().scheme === 'sips'),
    );
    this.#subscriptions.set(subscription.id, subscription);
    subscription.grant(request, transaction, seconds, now);
  }

  /** So many messages wait. */
  counted(waiting: Waiting): void {
    this.#waiting = waiting;
    for (const subscription of this.#subscriptions.values()) subscription.counted();
  }

  stop(now: number): void {
    // §4.1.3: it may come back by itself, later.
    for (const subscription of [...this.#subscriptions.values()]) subscription.end('probation;retry-after=30', now);
  }

  #changed(record: DialogRecord): void {
    for (const subscription of this.#subscriptions.values()) subscription.changed(record);
  }
}

function entityOf(request: SipRequest, account: Account | undefined): string {
  if (account !== undefined) return account.config.address;
  const { scheme, user, host } = request.parsedUri();
  return formatUri({ scheme, user, host, params: new Map(), headers: [] });
}
