/** Transfers of both directions: which referral a wish of the owner, a message or the end of a session is about. */
import { Dialog } from '../dialog/index.ts';
import { type Hop, parseNameAddr, parseUri, readOr, type SipRequest } from '../message/index.ts';
import type { Account } from './account.ts';
import { ask } from './ask.ts';
import type { Calls } from './call.ts';
import { type Core, MACHINES_MAX } from './core.ts';
import type { HeaderField } from './headers.ts';
import type { Refusal } from './inspect.ts';
import { formatReferTo, headersOf, readRefer } from './refer.ts';
import { type NotifyPath, Referral } from './referral.ts';
import { Referring } from './referring.ts';
import { parseReplaces, replacedIds } from './replaces.ts';
import type { Talk } from './talk.ts';
import type { SessionEvent } from './types.ts';

/** Referrals that are being followed at once; one more is declined. */
const REFERRALS_MAX = 8;

/** Whom a request is known to be from: the server of an account, a user by digest. */
interface Shown {
  account?: Account;
  user?: string;
}

export class Transfers {
  readonly #core: Core;
  readonly #calls: Calls;
  readonly #referrals = new Map<string, Referral>();
  /** Ours, by session. */
  readonly #referring = new Map<string, Referring>();
  /** Sessions that were referred before: what follows needs an id in its Event. */
  readonly #referred = new WeakSet<Talk>();

  constructor(core: Core, calls: Calls) {
    this.#core = core;
    this.#calls = calls;
  }

  // ---------------------------------------------------------------- we are asked

  /** A REFER inside a session. */
  inside(talk: Talk, request: SipRequest, hop: Hop, transaction: string, now: number): void {
    const { session, account } = talk.context;
    const again = this.#referred.has(talk);
    this.#referred.add(talk);
    const path: NotifyPath = {
      headers: talk.headers.filter(([name]) => name === 'Contact'),
      send: (...notify) => talk.send(...notify),
      done: (at) => talk.hangUp({ cause: 'local', by: 'us', reason: 'transferred' }, at),
    };
    this.#take(session, path, request, hop, transaction, again, { account }, now);
  }

  /** A REFER outside any dialog: it makes one of its own. Whether its sender may ask for a call is for our owner to say. */
  outside(request: SipRequest, hop: Hop, transaction: string, { account, user }: Shown, now: number): void {
    const core = this.#core;
    const dialog = Dialog.uas(request, core.random.token());
    const contact: HeaderField = ['Contact', core.contact(account?.user ?? core.config.user, hop)];
    const path: NotifyPath = {
      headers: [contact],
      toTag: dialog.localTag,
      send: (method, headers, body, handler, at) => {
        const make = (): SipRequest => dialog.request(method, dialog.nextSequence(), headers, body);
        core.locate(dialog.nextHop, hop, at, (hops, then) =>
          ask(core, { make, hop: hops[0] ?? hop, account, handler }, then),
        );
      },
      done: () => {},
    };
    this.#take(undefined, path, request, hop, transaction, false, { account, user }, now);
  }

  #take(
    session: string | undefined,
    path: NotifyPath,
    request: SipRequest,
    hop: Hop,
    transaction: string,
    again: boolean,
    { account, user }: Shown,
    now: number,
  ): void {
    const core = this.#core;
    const reference = readRefer(request);
    if ('status' in reference) return core.answer(transaction, request, reference.status, now, reference.reason);
    if (this.#referrals.size >= REFERRALS_MAX || core.machines.size >= MACHINES_MAX) {
      return core.answer(transaction, request, 480, now);
    }
    const id = `ref-${core.random.token()}`;
    const asked = {
      reference,
      request,
      transaction,
      path,
      again,
      giveUp: (call: string, at: number): void => this.#calls.get(call)?.end(at, 'not answered in time'),
      forget: (): void => void this.#referrals.delete(id),
    };
    this.#referrals.set(id, new Referral(core, asked, now));
    const { target, replaces, referredBy } = reference;
    core.emit(session ?? id, {
      type: 'referred',
      referral: id,
      inside: session !== undefined,
      target,
      attended: replaces !== undefined,
      referredBy,
      request,
      hop,
      account: account?.name,
      user,
    });
  }

  /** An INVITE of ours follows a referral: what it must carry, or undefined when there is no such referral any more. */
  follow(referral: string, session: string, now: number): readonly HeaderField[] | undefined {
    const found = this.#referrals.get(referral);
    if (found?.asked !== true) return undefined;
    found.follow(session, now);
    return headersOf(found.reference);
  }

  decline(referral: string, status: number, reason: string, now: number): void {
    this.#referrals.get(referral)?.decline(status, reason, now);
  }

  /** What any session tells its owner. */
  heard(session: string, event: SessionEvent): void {
    for (const referral of this.#referrals.values()) if (referral.session === session) referral.heard(event);
    if (event.type === 'ended') this.#referring.get(session)?.stop();
  }

  // ---------------------------------------------------------------- we ask

  /** `replaces`: another session, whose other side is the target. */
  refer(session: string, target: string, replaces: string | undefined, now: number): void {
    const talk = this.#calls.get(session)?.talk;
    const other = replaces === undefined ? undefined : this.#calls.get(replaces)?.talk;
    const failed = (reason: string): void =>
      this.#core.emit(session, { type: 'referring', state: 'failed', status: 0, reason });
    if (talk === undefined || (replaces !== undefined && other === undefined)) return failed('there is no such talk');
    if (this.#referring.has(session)) return failed('a transfer is under way');
    parseUri(target);
    // RFC 3891 §3: the tags as the one who gets the INVITE sees them.
    const dialog = other?.dialog;
    const replaced = dialog && {
      callId: dialog.callId,
      toTag: dialog.remoteTag || '0',
      fromTag: dialog.localTag || '0',
      earlyOnly: false,
    };
    const { account } = talk.context;
    const own = account?.config.address ?? parseNameAddr(talk.dialog.local, 'From').uriText;
    const forget = (): void => void this.#referring.delete(session);
    const referTo = formatReferTo(dialog?.remoteTarget ?? target, replaced);
    this.#referring.set(session, new Referring(talk, referTo, `<${own}>`, forget, now));
  }

  /** A NOTIFY inside a session; false: none of a transfer. */
  notified(talk: Talk, request: SipRequest, transaction: string, now: number): boolean {
    return this.#referring.get(talk.context.session)?.notified(request, transaction, now) ?? false;
  }

  // ---------------------------------------------------------------- Replaces

  /**
   * RFC 3891 §3: the session that an INVITE takes the place of, or why it may not. Undefined: it names none, or comes
   * from somebody who is neither the account's server, nor at the address of the other side, nor may watch our calls, nor has
   * proven who he is: then it is a call like any other.
   */
  replaced(request: SipRequest, hop: Hop, { account, user }: Shown): string | Refusal | undefined {
    const text = request.header('Replaces');
    if (text === undefined) return undefined;
    const replaces = parseReplaces(text);
    for (const id of replacedIds(replaces)) {
      const dialog = this.#core.dialogs.get(id);
      if (dialog === undefined) continue;
      const found = dialog.replaceable?.(replaces.earlyOnly) ?? { status: 481 };
      if ('status' in found) return found;
      const there = found.host === hop.remote.host || this.#core.config.mayWatch?.(hop.remote.host) === true;
      const believed = account !== undefined || user !== undefined || there;
      return believed ? found.session : undefined;
    }
    return { status: 481 };
  }

  /** From the address of the other side, whoever that is: the gate lets that in. */
  takesOver(request: SipRequest, hop: Hop): boolean {
    return readOr(false, () => request.method === 'INVITE' && typeof this.replaced(request, hop, {}) === 'string');
  }
}
