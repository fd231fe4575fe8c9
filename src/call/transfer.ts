/**
 * A call that moves: another session takes the place of its own, and for the terminal it stays the same call. The old session
 * keeps its sound until the new one is answered; then whatever was open or held is so in the new one.
 */
import { CodedError } from '../base/index.ts';
import type { Body, SessionEvent, UaOutput, UserAgentInterface } from '../sip/ua/index.ts';
import type { Call } from './call.ts';
import { callerOf, isFocus, short } from './incoming.ts';
import { type CallOutput, up } from './output.ts';
import { bodyOf } from './ready.ts';
import type { Table } from './table.ts';

type Referred = Extract<SessionEvent, { type: 'referred' }>;
type Incoming = Extract<SessionEvent, { type: 'incoming' }>;

type Climb = (outputs: readonly UaOutput[], now: number) => CallOutput[];

interface Successor {
  next: Call;
  to: string;
  /** Who sent us there has hung up already. */
  alone: boolean;
}

export class Transfers {
  readonly #ua: UserAgentInterface;
  readonly #table: Table;
  readonly #climb: Climb;
  /** By session. One for each call at most. */
  readonly #successors = new Map<string, Successor>();
  #count = 0;

  constructor(ua: UserAgentInterface, table: Table, climb: Climb) {
    this.#ua = ua;
    this.#table = table;
    this.#climb = climb;
  }

  // ---------------------------------------------------------------- from above

  /** `other`: a call whose other side is meant, and whose place the new one takes. */
  refer(id: string, to: string, now: number, other?: string): CallOutput[] {
    const call = this.#table.get(id);
    if (call === undefined) return [];
    if (call.referredTo !== undefined) {
      const reason = `it is being transferred to ${call.referredTo} already`;
      return [up({ type: 'handed-over', call: id, to, ok: false, reason })];
    }
    call.referredTo = to;
    const replaces = other === undefined ? undefined : this.#table.get(other)?.session;
    return this.#climb(this.#ua.refer(call.session, to, now, replaces), now);
  }

  /** Calls whom a referral names. */
  follow(id: string, referral: string, to: string, now: number): CallOutput[] {
    const old = this.#table.get(id);
    if (old === undefined || this.#of(id) !== undefined) return this.stay(referral, now);
    const session = `${id}~${++this.#count}`;
    const next = this.#table.make(id, 'outgoing', session);
    next.follow(old);
    this.#successors.set(session, { next, to, alone: false });
    return this.#climb(this.#ua.invite({ session, target: to, body: bodyOf(next), referral }, now), now);
  }

  stay(referral: string, now: number): CallOutput[] {
    return this.#climb(this.#ua.declineReferral(referral, 603, 'Decline', now), now);
  }

  /** The call is over, by whomever: so is what was to follow it. */
  drop(id: string, now: number): CallOutput[] {
    const found = this.#of(id);
    if (found === undefined) return [];
    this.#forget(found);
    return this.#climb(this.#ua.end(found.next.session, now), now);
  }

  // ---------------------------------------------------------------- from below

  /** The call behind a session that is to take the place of another. */
  next(session: string): Call | undefined {
    return this.#successors.get(session)?.next;
  }

  /** The answer to such a session, or its end; undefined: none of our business. */
  session(session: string, event: SessionEvent, now: number): CallOutput[] | undefined {
    const successor = this.#successors.get(session);
    if (successor === undefined) return undefined;
    if (event.type === 'accepted') return this.#accepted(successor, event, now);
    if (event.type === 'ended') return this.#failed(successor, event.reason, event.status);
    // To the terminal it rings nowhere: the call is up.
    return event.type === 'progress' && !event.offer ? [] : undefined;
  }

  /** The other side of the old session has hung up; undefined: and nobody is being called in its place. */
  left(call: Call): CallOutput[] | undefined {
    const successor = this.#of(call.id);
    if (successor === undefined) return undefined;
    successor.alone = true;
    call.close();
    return [up({ type: 'left', call: call.id, to: short(successor.to) })];
  }

  referred(session: string, event: Referred, now: number): CallOutput[] {
    const { referral, inside, target: to, request, hop, account, user } = event;
    if (!inside) {
      const caller = callerOf(request, hop.remote.host, account, { identities: hop.identities, user });
      return [up({ type: 'referral', transfer: referral, caller, to })];
    }
    const call = this.#table.bySession(session);
    if (call?.answered !== true || this.#of(call.id) !== undefined) return this.stay(referral, now);
    return [up({ type: 'transfer', call: call.id, to, transfer: referral })];
  }

  referring(call: Call, event: Extract<SessionEvent, { type: 'referring' }>): CallOutput[] {
    if (event.state === 'trying') return [];
    const to = call.referredTo ?? '';
    call.referredTo = undefined;
    const reason = short(event.status > 0 ? `${event.status} ${event.reason}` : event.reason);
    return [up({ type: 'handed-over', call: call.id, to, ok: event.state === 'done', reason })];
  }

  /** RFC 3891: an INVITE takes the place of a call; no rule is asked again, for the call has been let in already. */
  replaced(session: string, event: Incoming, now: number): CallOutput[] | undefined {
    const old = event.replaces === undefined ? undefined : this.#table.bySession(event.replaces);
    if (old === undefined) return undefined;
    const { request, hop, account, offer } = event;
    const next = this.#table.make(old.id, 'incoming', session);
    next.hop = hop;
    next.account = account;
    next.follow(old);
    let answer: Body | string;
    try {
      answer = offer ? next.makeAnswer(offer, hop, old.wanted) : next.makeOffer(hop);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      answer = error.message;
    }
    if (typeof answer === 'string') {
      next.close();
      return this.#climb(this.#ua.reject(session, 488, 'Not Acceptable Here', now), now);
    }
    next.answered = true;
    const dropped = this.drop(old.id, now);
    const taken = this.#take(old, next, now);
    const conference = isFocus(request);
    return [
      ...dropped,
      ...this.#climb(this.#ua.accept(session, answer, now), now),
      ...this.#climb(this.#ua.end(old.session, now), now),
      ...taken,
      up({ type: 'transferred', call: old.id, to: callerOf(request, hop.remote.host, account).uri, conference }),
      // A call of ours that only rang is answered by this.
      ...(old.answered ? [] : [up({ type: 'answered', call: old.id, conference })]),
    ];
  }

  // ----------------------------------------------------------------

  #accepted(
    successor: Successor,
    { body, branch, account, focus }: Extract<SessionEvent, { type: 'accepted' }>,
    now: number,
  ): CallOutput[] {
    const { next, to } = successor;
    next.account = account;
    next.answered = true;
    let refused: string | undefined;
    try {
      refused = body ? next.takeAnswer(body) : next.takeBranch(branch ?? '');
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      refused = error.message;
    }
    if (refused !== undefined) {
      return [...this.#failed(successor, refused), ...this.#climb(this.#ua.end(next.session, now), now)];
    }
    this.#successors.delete(next.session);
    const old = this.#table.get(next.id);
    // The old session is the user agent's to end, once who sent us there has been told.
    const taken = old === undefined ? [] : this.#take(old, next, now);
    return [...taken, up({ type: 'transferred', call: next.id, to: short(to), conference: focus === true })];
  }

  /** The table holds `next` from here on, with all that was said of `old`. */
  #take(old: Call, next: Call, now: number): CallOutput[] {
    const turned = next.adopt(old);
    old.close();
    this.#table.put(next);
    if (!turned) return [];
    return this.#climb(
      this.#ua.reinvite(next.session, () => next.turnOffer(), now),
      now,
    );
  }

  #failed(successor: Successor, why: string, status?: number): CallOutput[] {
    const { next, to, alone } = successor;
    this.#forget(successor);
    const reason = short(status === undefined ? why : `${status} ${why}`);
    if (!alone) return [up({ type: 'not-transferred', call: next.id, to: short(to), reason })];
    const old = this.#table.get(next.id);
    if (old !== undefined) this.#table.close(old);
    // Nobody is left: to the terminal it is as if the network had taken them, and a plan begins anew.
    const lost = `sent on to ${short(to)}, who was not to be had: ${reason}`;
    return [up({ type: 'ended', call: next.id, cause: 'unreachable', by: 'network', reason: lost })];
  }

  #of(id: string): Successor | undefined {
    return [...this.#successors.values()].find(({ next }) => next.id === id);
  }

  #forget({ next }: Successor): void {
    next.close();
    this.#successors.delete(next.session);
  }
}
