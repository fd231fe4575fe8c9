/**
 * A call of ours until it is answered: INVITE client side, RFC 3261 §13.2, CANCEL §9.1. Each attempt (with credentials, or at
 * the next server) is a leg of its own; each 2xx that comes is acknowledged, and the first one is the session: a `Talk`.
 */
import { CodedError, earliest, Timers } from '../../base/index.ts';
import {
  formatHostPort,
  formatMessage,
  formatUri,
  type Hop,
  parseUri,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
} from '../message/index.ts';
import { samePlace } from './account.ts';
import { ask, composeFirst, type First } from './ask.ts';
import { Branches } from './branch.ts';
import type { Call, CallContext, Ending, Route } from './call.ts';
import type { Machine } from './core.ts';
import { ALLOW, bodyOf, reasonHeader, retryAfterMs, SUPPORTED } from './headers.ts';
import { inform } from './info.ts';
import { type Leg, Legs } from './leg.ts';
import { Redirects } from './redirects.ts';
import { Series } from './series.ts';
import { SessionTimer } from './session-timer.ts';
import type { Talk } from './talk.ts';
import type { Body, Invitation, Prepared } from './types.ts';
import { Ways } from './ways.ts';

/** Answers to one INVITE that are acknowledged and, but for the first, ended; more come from nobody who means us well. */
const ANSWERS_MAX = 32;

/** An INVITE made before it was wanted, and the way it takes. */
interface Foremost {
  readonly route: Route;
  readonly body: Body | undefined;
  readonly first: First;
}

export class OutgoingCall implements Call, Machine {
  /** The account changes with the route. */
  #context: CallContext;
  readonly #invitation: Invitation;
  readonly #series: Series;
  readonly #timers = new Timers<'first-answer'>();
  readonly #legs: Legs;
  readonly #session: SessionTimer;
  readonly #branches: Branches;
  /** Acknowledges a 2xx with the offer in it, once the owner has answered that. */
  #acknowledge: ((now: number, answer?: Body) => void) | undefined;
  readonly #redirects: Redirects;
  /** The Request-URI: whom the call was for, until it is redirected. */
  #target: string;
  /** The account whose call was redirected away from its servers: what it asks of the sound still holds. */
  #from: string | undefined;
  /** It was redirected over TLS: a message that anybody can read does not follow. */
  #shielded = false;
  readonly #ways: Ways;
  #renewed = false;
  #talk: Talk | undefined;
  #state: 'locating' | 'calling' | 'answered' | 'over' = 'locating';

  /** What went out, or will, before anybody asked where. */
  #foremost: Foremost | undefined;

  constructor(context: CallContext, invitation: Invitation) {
    this.#context = context;
    this.#invitation = invitation;
    this.#legs = new Legs(context.core);
    this.#series = new Series(context.core);
    this.#session = new SessionTimer(context.core.config.sessionExpiresS);
    this.#branches = new Branches(this.#session);
    this.#redirects = new Redirects(parseUri(invitation.target), context.core.config.redirects);
    this.#target = invitation.target;
    this.#ways = new Ways(context.core);
  }

  /** The time it may take begins to run. */
  begin(now: number): void {
    this.#timers.set('first-answer', this.#ways.limit(now));
    this.#context.core.machines.add(this);
  }

  /**
   * The INVITE by the first of these ways, before it is wanted: `start`, when it is given them, begins with it. Undefined: it
   * cannot be had before.
   */
  compose(routes: readonly Route[], now: number): Prepared | undefined {
    const route = this.#fitting(routes)[0];
    if (route === undefined || this.#context.core.targets.resting(route.hop, now)) return undefined;
    const { hop, account } = route;
    const context = { ...this.#context, account };
    const body = this.#invitation.body(hop, account?.name);
    const make = (): SipRequest => this.#invite(context, hop, this.#contact(context, hop), body);
    const first = composeFirst(context.core, { make, hop, account });
    if (first === undefined) return undefined;
    const { id, message } = first.composed;
    this.#foremost = { route, body, first };
    return { message, hop, transaction: id, bytes: formatMessage(message) };
  }

  get talk(): Talk | undefined {
    return this.#talk;
  }

  get deadline(): number | undefined {
    return earliest([this.#timers.next, this.#legs.deadline]);
  }

  /** The ways there are known: by preference, the first is called now, those whose server rests last. */
  start(routes: readonly Route[], now: number): void {
    if (this.#state !== 'locating') return;
    this.#state = 'calling';
    const first = this.#foremost?.route;
    this.#try(first === undefined ? routes : [first, ...routes.filter((route) => route !== first)], now);
  }

  #try(routes: readonly Route[], now: number): void {
    this.#ways.found(this.#fitting(routes), now);
    if (this.#ways.size > 0) return this.#attempt(now);
    this.#notFound(now);
  }

  /** §26.2.2: what a SIPS URI asks for goes over TLS or not at all. */
  #fitting(routes: readonly Route[]): Route[] {
    return routes.filter(({ hop }) => hop.transport === 'tls' || !(this.#secure || this.#shielded));
  }

  get #secure(): boolean {
    return /^sips:/i.test(this.#target);
  }

  #notFound(now: number): void {
    this.#fail({ cause: 'transport', by: 'network', reason: `cannot find where ${this.#target} is` }, now);
  }

  /** The next server: that one is out of order, or not there. */
  #next(leg: Leg, why: string, now: number): void {
    this.#ways.passed(leg.hop, why);
    this.#attempt(now);
  }

  /** Nobody was reached there; unless there is somewhere else to go, the call is over. */
  #fail(ending: Ending, now: number): void {
    // §21.6: 6xx speaks for all of them.
    const next = this.#state === 'calling' && (ending.status ?? 0) < 600 ? this.#redirects.next() : undefined;
    if (next === undefined) return this.#over({ ...ending, reason: this.#ways.story(ending.reason) }, now);
    const { by, status, uri } = next;
    const { core, session, account, find } = this.#context;
    this.#target = formatUri(uri);
    this.#from ??= account?.name;
    this.#renewed = false;
    this.#timers.set('first-answer', this.#ways.limit(now));
    core.emit(session, { type: 'redirected', by, status, to: this.#target });
    let found = false;
    find(uri, now, (routes, at) => {
      if (found || this.#state !== 'calling' || this.#target !== formatUri(uri)) return;
      found = true;
      this.#try(
        routes.filter(({ hop }) => !samePlace(hop, { ...hop, remote: hop.local })),
        at,
      );
    });
  }

  #attempt(now: number): void {
    const route = this.#ways.next();
    if (route === undefined) return;
    const { hop, account } = route;
    const { core } = this.#context;
    const context: CallContext = { ...this.#context, account };
    this.#context = context;
    const contact = this.#contact(context, hop);
    const foremost = this.#foremost;
    this.#foremost = undefined;
    const body = foremost === undefined ? this.#offer(hop, now) : foremost.body;
    if (body === 'none') return;
    this.#timers.set('first-answer', this.#ways.patience(this.#redirects.waiting, now));
    let leg: Leg | undefined;
    const make = (): SipRequest => this.#invite(context, hop, contact, body);
    const handler = {
      sent: (transaction: string, request: SipRequest): void => {
        if (leg !== undefined) this.#legs.delete(leg);
        const state = { proceeding: false, dropped: this.#state !== 'calling', acknowledged: new Map() };
        leg = { transaction, request, context, hop, contact, ...state };
        this.#legs.add(leg);
      },
      response: (response: SipResponse, from: Hop, at: number): void => {
        if (leg !== undefined) this.#heard(leg, response, { ...from, local: hop.local }, at);
      },
      failed: (cause: 'timeout' | 'transport', reason: string, at: number): void => {
        if (leg !== undefined) this.#failed(leg, cause, reason, at);
      },
      refused: (at: number): void => {
        const waited = leg !== undefined && !leg.dropped && !leg.proceeding && this.#state === 'calling';
        if (waited && this.#ways.size + this.#redirects.waiting > 0) this.#timers.set('first-answer', at);
      },
    };
    // Given up or hung up meanwhile: proving who we are would make it ring.
    ask(core, { make, hop, account, handler, wanted: () => leg?.dropped !== true, first: foremost?.first }, now);
  }

  #contact({ core, account }: CallContext, hop: Hop): string {
    return core.contact(account?.user ?? core.config.user, hop, this.#secure || account?.secure);
  }

  get #account(): string | undefined {
    return this.#context.account?.name ?? this.#from;
  }

  /** The owner's offer; one that cannot be made (no port is free, say) ends the call. */
  #offer(hop: Hop, now: number): Body | undefined | 'none' {
    try {
      return this.#invitation.body(hop, this.#account);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#over({ cause: 'transport', by: 'us', reason: error.message }, now);
      return 'none';
    }
  }

  #invite({ core, account }: CallContext, hop: Hop, contact: string, body: Body | undefined): SipRequest {
    const { host, port } = hop.local;
    const { target, headers = [] } = this.#invitation;
    return this.#series.next({
      method: 'INVITE',
      uri: this.#target,
      from: account?.config.address ?? `sip:${core.config.user}@${formatHostPort(host, port)}`,
      to: target,
      routes: account?.routesBy(hop),
      headers: [['Contact', contact], ALLOW, SUPPORTED, ...this.#session.asking(), ...headers],
      body,
    });
  }

  timeout(now: number): void {
    for (const _firstAnswer of this.#timers.due(now)) this.#unanswered(now);
    if (this.#legs.timeout(now)) this.#tidy();
  }

  #unanswered(now: number): void {
    if (this.#state === 'locating') return this.#notFound(now);
    // It may answer late: then it is cancelled, or acknowledged and ended.
    for (const leg of this.#legs.all) {
      if (!leg.dropped && !leg.proceeding) {
        this.#context.core.targets.unheard(leg.hop, now);
        if (this.#ways.size > 0) this.#ways.passed(leg.hop, 'no answer');
      }
      this.#legs.drop(leg, now);
    }
    if (this.#ways.size > 0) this.#attempt(now);
    else this.#fail({ cause: 'timeout', by: 'network', reason: 'no answer to the INVITE' }, now);
  }

  #heard(leg: Leg, response: SipResponse, from: Hop, now: number): void {
    const { status } = response;
    const { targets } = this.#context.core;
    targets.alive(leg.hop, now);
    if (status < 200) return this.#progress(leg, response, from, now);
    if (status < 300) return this.#accepted(leg, response, from, now);
    this.#legs.delete(leg);
    if (leg.dropped) return this.#tidy();
    this.#branches.refused(leg.transaction, now);
    this.#timers.clear('first-answer');
    // §21.5.4: it says how long; without a word it may be for this call only.
    const askedMs = status === 503 ? retryAfterMs(response) : undefined;
    if (askedMs !== undefined) targets.rest(leg.hop, now, askedMs);
    if (status === 422 && this.#session.raise(response)) {
      // RFC 4028 §7.3: the same place, asked for more.
      this.#ways.again({ hop: leg.hop, account: leg.context.account });
      return this.#attempt(now);
    }
    // RFC 3263 §4.3: a server that is out of order is passed over.
    if (status === 503 && this.#ways.size > 0) return this.#next(leg, `503 ${response.reason}`, now);
    if (this.#redirects.take(response, leg.request.uri)) this.#shielded ||= leg.hop.transport === 'tls';
    this.#fail({ cause: 'rejected', by: 'peer', status, reason: response.reason }, now);
  }

  #progress(leg: Leg, response: SipResponse, from: Hop, now: number): void {
    const first = !leg.proceeding;
    leg.proceeding = true;
    if (leg.dropped) {
      if (first) this.#legs.cancel(leg, now);
      return;
    }
    if (this.#state !== 'calling') return;
    this.#timers.clear('first-answer');
    this.#ways.spoken();
    if (response.status === 100) return;
    const branch = this.#branches.of(leg, response, from);
    const heard = branch === undefined ? {} : branch.heard(response, now);
    if (heard === undefined) return;
    const { status, reason } = response;
    const event = { type: 'progress', status, reason, branch: branch?.talk.dialog.remoteTag, ...heard } as const;
    this.#context.core.emit(this.#context.session, event);
  }

  #accepted(leg: Leg, response: SipResponse, from: Hop, now: number): void {
    const tag = response.toTag ?? '';
    const known = leg.acknowledged.get(tag);
    if (known !== undefined) return known();
    if (leg.acknowledged.size >= ANSWERS_MAX) return;
    const extra = leg.dropped || this.#state !== 'calling';
    let talk: Talk;
    try {
      talk = this.#branches.confirm(leg, response, from, extra);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      // Who cannot say where it is can be neither acknowledged nor ended.
      leg.acknowledged.set(tag, () => {});
      this.#legs.delete(leg);
      if (!extra) this.#over({ cause: 'rejected', by: 'network', status: response.status, reason: error.message }, now);
      return;
    }
    this.#legs.delete(leg);
    const acknowledge = (at: number, answer?: Body): void => {
      leg.acknowledged.set(tag, talk.acknowledge(leg.request, at, answer));
    };
    if (extra) {
      // §13.2.2.4, §9.1: an answer too many, of a fork or after our CANCEL.
      acknowledge(now);
      talk.hangUp({ cause: 'local', by: 'us', reason: 'answered elsewhere or too late' }, now);
      return this.#tidy();
    }
    // RFC 3261 §13.2.1: of a branch that has agreed before, no description counts any more.
    const body = talk.exchange === 'done' ? undefined : bodyOf(response);
    const offer = body !== undefined && talk.exchange === 'none';
    talk.exchange = 'done';
    if (offer) {
      leg.acknowledged.set(tag, () => {});
      this.#acknowledge = acknowledge;
    } else acknowledge(now);
    this.#state = 'answered';
    this.#talk = talk;
    talk.upkeep.session.accepted(response, now);
    this.#timers.clearAll();
    this.#legs.wait();
    for (const other of this.#legs.all) this.#legs.drop(other, now);
    this.#branches.forget(now);
    const { core, session, account } = leg.context;
    const focus = talk.dialog.focus ? { focus: true } : {};
    const event = { type: 'accepted', body, account: account?.name, branch: tag, ...focus } as const;
    core.emit(session, offer ? { ...event, offer } : event);
    talk.renegotiation.proceed(now);
    this.#tidy();
  }

  #failed(leg: Leg, cause: 'timeout' | 'transport', reason: string, now: number): void {
    this.#legs.delete(leg);
    if (leg.dropped || this.#state !== 'calling') return this.#tidy();
    this.#context.core.targets.rest(leg.hop, now);
    this.#timers.clear('first-answer');
    if (this.#ways.size === 0 && cause === 'transport' && leg.hop.transport !== 'udp' && !this.#renewed) {
      // The connection may have led to a server that has been started anew since: a fresh one is tried before it is given up.
      this.#renewed = true;
      this.#ways.again({ hop: { ...leg.hop, flow: undefined }, account: leg.context.account });
    }
    if (this.#ways.size > 0) return this.#next(leg, reason, now);
    this.#fail({ cause, by: 'network', reason }, now);
  }

  end(now: number, reason?: string): void {
    if (this.#talk !== undefined) {
      this.#settle(now);
      return this.#talk.end(now, reason);
    }
    if (this.#state === 'over') return;
    this.#legs.reason = reasonHeader(reason);
    const legs = this.#legs.all;
    // For the owner it is over; an answer that comes all the same is acknowledged and ended.
    this.#over({ cause: 'cancelled', by: 'us', reason: reason ?? 'given up' }, now);
    for (const leg of legs) {
      if (!leg.proceeding) this.#context.core.givenUp(leg.hop, now);
      this.#legs.drop(leg, now);
    }
  }

  /** Before the answer, in each branch: as soon as it can take it. */
  reinvite(offer: () => Body, now: number): void {
    (this.#talk?.renegotiation ?? this.#branches).want(offer, now);
  }

  check(now: number): void {
    this.#talk?.upkeep.check(now);
  }

  inform(bodies: readonly Body[], now: number): void {
    if (this.#talk !== undefined) inform(this.#talk, bodies, now);
  }

  answerOffer(answer: Body | { status: number; reason: string }, now: number): void {
    const refusal = 'status' in answer ? answer : undefined;
    if (this.#acknowledge !== undefined) {
      this.#settle(now, refusal === undefined ? (answer as Body) : undefined);
      // An offer in a 2xx cannot be refused: the ACK has to answer it.
      if (refusal !== undefined) this.#talk?.hangUp({ cause: 'local', by: 'us', ...refusal }, now);
      return;
    }
    if (this.#talk !== undefined) return this.#talk.renegotiation.answer(answer, now);
    // Nor can one in a provisional response.
    if (!this.#branches.answer(answer, now)) this.end(now, refusal?.reason);
  }

  #settle(now: number, answer?: Body): void {
    this.#acknowledge?.(now, answer);
    this.#acknowledge = undefined;
  }

  reject(_status: number, reason: string, now: number): void {
    this.end(now, reason);
  }

  #over(ending: Ending, now: number): void {
    this.#state = 'over';
    this.#timers.clear('first-answer');
    this.#branches.forget(now);
    this.#context.calls.ended(this.#context.session, ending);
    this.#tidy();
  }

  /** Leaves the table of machines when nothing is under way. */
  #tidy(): void {
    if (this.#legs.size > 0 || (this.#state !== 'over' && this.#state !== 'answered')) return;
    this.#timers.clearAll();
    this.#legs.wait();
    this.#context.core.machines.delete(this);
  }
}
