/** Requests beside calls: MESSAGE, NOTIFY, SUBSCRIBE, and what we subscribe to and publish ourselves. Which machine they are for. */
import { dialogIdOf } from '../dialog/index.ts';
import type { Hop, SipRequest } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import { eventOf } from './event.ts';
import type { HeaderField } from './headers.ts';
import { Messages } from './message.ts';
import { NOTICES, noticeOf } from './notices.ts';
import { Notifier } from './notifier.ts';
import { Publication } from './publication.ts';
import { bindingIn, REGINFO_TYPE } from './reginfo.ts';
import type { Registration } from './registration.ts';
import { Subscriber } from './subscriber.ts';
import { ALLOW_EVENTS, PACKAGES } from './subscription.ts';
import type { SessionEvent } from './types.ts';

/** A registrar that says again and again that our binding is gone is not answered faster than this. */
const REBIND_EVERY_MS = 10_000;

/** Who sent a request: the account at whose server, and who he has proven to be. */
export interface Senders {
  accountOf(request: SipRequest, hop: Hop): Account | undefined;
  userOf(request: SipRequest): string | undefined;
}

export class Beside {
  readonly #core: Core;
  readonly #senders: Senders;
  readonly #accounts: readonly Account[];
  readonly messages: Messages;
  readonly notifier: Notifier;
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #publications = new Map<string, Publication>();
  /** Those we are busy with. */
  readonly #sessions = new Set<string>();

  constructor(core: Core, accounts: readonly Account[], registrations: readonly Registration[], senders: Senders) {
    this.#core = core;
    this.#accounts = accounts;
    this.#senders = senders;
    this.messages = new Messages(core);
    this.notifier = new Notifier(core, (request, hop) => this.#watcher(request, hop));
    accounts.forEach((account, i) => {
      const { name, presence, watchRegistration } = account.config;
      // Of an account registered at several servers the first one will do.
      if (accounts.findIndex((one) => one.name === name) < i) return;
      if (presence === true) this.#publications.set(name, new Publication(core, account));
      if (watchRegistration === true)
        this.#subscribers.set(name, new Subscriber(core, account, watchOver(registrations[i])));
    });
  }

  /** Whether the request was one of these; it has its answer, or will get it. */
  serve(request: SipRequest, hop: Hop, transaction: string, now: number): boolean {
    switch (request.method) {
      case 'MESSAGE':
        if (request.toTag !== undefined && !this.#core.dialogs.has(dialogIdOf(request))) return false;
        this.messages.received(request, hop, transaction, this.#senders, now);
        return true;
      case 'NOTIFY':
        return this.#notified(request, hop, transaction, now);
      case 'SUBSCRIBE':
        if (request.toTag === undefined) this.notifier.subscribe(request, hop, transaction, now);
        else if (this.notifier.has(dialogIdOf(request))) return false;
        else this.#subscribedInside(request, transaction, now);
        return true;
      default:
        return false;
    }
  }

  /** An account has been registered, or is not any more. */
  announced(name: string, registered: boolean): void {
    for (const machine of [this.#subscribers.get(name), this.#publications.get(name)]) {
      if (registered) machine?.start();
      else machine?.pause();
    }
  }

  /** What happens to a session. */
  noticed(session: string, event: SessionEvent): void {
    this.notifier.book.noticed(session, event);
    if (event.type === 'ended') this.#occupied(session, false);
  }

  /** A call of ours. */
  begun(session: string, target: string): void {
    this.notifier.book.calling(session, target);
    this.#occupied(session, true);
  }

  rings(session: string): void {
    this.notifier.book.rings(session);
  }

  accepted(session: string): void {
    this.notifier.book.answers(session);
    this.#occupied(session, true);
  }

  #occupied(session: string, on: boolean): void {
    if (on) this.#sessions.add(session);
    else this.#sessions.delete(session);
    for (const publication of this.#publications.values()) publication.busy(this.#sessions.size > 0);
  }

  stop(now: number): void {
    this.messages.stop(now);
    this.notifier.stop(now);
    for (const machine of [...this.#subscribers.values(), ...this.#publications.values()]) machine.stop(now);
  }

  #notified(request: SipRequest, hop: Hop, transaction: string, now: number): boolean {
    const dialog = request.toTag === undefined ? undefined : this.#core.dialogs.get(dialogIdOf(request));
    const session = dialog?.session;
    const event = eventOf(request);
    if (dialog !== undefined && (session === undefined || !NOTICES.includes(event?.name ?? ''))) return false;
    const answer = (status: number): true => {
      this.#core.answer(transaction, request, status, now, undefined, status === 489 ? [ALLOW_EVENTS] : []);
      return true;
    };
    const first = [...this.#subscribers.values()].find((subscriber) => subscriber.expects(request));
    if (dialog === undefined && first !== undefined) {
      first.begin(request, hop, transaction, now);
      return true;
    }
    if (dialog === undefined && request.toTag !== undefined) return answer(481);
    // RFC 6665 §4.1.3: whom we do not know learns that there is no such subscription, and nothing else.
    const account = this.#senders.accountOf(request, hop);
    if (account === undefined && session === undefined) return answer(481);
    const notice = noticeOf(request, session);
    if (notice === undefined) return answer(489);
    // In the dialog of a call its other side may steer that call, as far as the rule that let it in allows.
    if (account === undefined && notice.type !== 'talk' && notice.type !== 'hold') return answer(403);
    answer(200);
    this.#core.push({ kind: 'notice', ...(account && { account: account.name }), notice });
    return true;
  }

  /** A second usage of a call's dialog (RFC 5057 advises against it): refused, and not by the 481 that would end that call. */
  #subscribedInside(request: SipRequest, transaction: string, now: number): void {
    const gone = !this.#core.dialogs.has(dialogIdOf(request));
    const known = [...PACKAGES, 'refer'].includes(eventOf(request)?.name ?? '');
    const [status, headers]: [number, HeaderField[]?] = gone ? [481] : known ? [403] : [489, [ALLOW_EVENTS]];
    this.#core.answer(transaction, request, status, now, undefined, headers);
  }

  #watcher(request: SipRequest | undefined, hop: Hop): Account | 'direct' | undefined {
    const account =
      request === undefined ? this.#accounts.find((one) => one.owns(hop)) : this.#senders.accountOf(request, hop);
    if (account !== undefined) return account;
    return this.#core.config.mayWatch?.(hop.remote.host) === true ? 'direct' : undefined;
  }
}

/** The registrar says that our binding is gone: it is made anew at once. */
function watchOver(registration: Registration) {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    event: 'reg',
    accept: REGINFO_TYPE,
    heard: (body: Uint8Array, now: number): void => {
      if (registration.contact === '' || now - lastAt < REBIND_EVERY_MS) return;
      if (bindingIn(body, registration.contact) !== 'lost') return;
      lastAt = now;
      registration.again(now);
    },
  };
}
