/**
 * Keeps one account registered, RFC 3261 §10.2: first server that answers, refresh, 423, digest, backoff for ever, and at
 * the end the binding taken away. `Watch` says when the server dies and when it is back, `Lookout` when a preferred one is
 * back, `Bindings` when the server has forgotten us.
 */
import { earliest, Timers } from '../../base/index.ts';
import { formatUri, type Hop, parseNameAddr, type SipResponse } from '../message/index.ts';
import { type Account, samePlace } from './account.ts';
import { Backoff } from './backoff.ts';
import { Bindings, ownBinding } from './bindings.ts';
import type { Core, Machine } from './core.ts';
import { boundFlow, FlowLosses, mappedAddress, serviceRoutes } from './flow.ts';
import { deltaSeconds, retryAfterMs } from './headers.ts';
import { Lookout } from './lookout.ts';
import { type Binding, Registering } from './registering.ts';
import { News } from './standing.ts';
import { Watch } from './watch.ts';

/** A REGISTER without any answer by then: the next server, or later again. */
const REGISTER_PATIENCE_MS = 4_000;
const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 60_000;
/** A server without an address: the network may only be coming up, and to ask again costs nothing. */
const LOCATE_AGAIN_MS = 5_000;
/** Servers found by then are tried; a name server that is silent does not keep us from those with an address. */
const LOCATE_MS = 1_500;
/** At the stop nobody waits longer for the answer to the un-REGISTER. */
const UNREGISTER_PATIENCE_MS = 2_000;
/** How often a registrar may ask for a longer interval before it is a refusal. */
const BRIEF_MAX = 2;

export class Registration implements Machine {
  readonly #core: Core;
  readonly #account: Account;
  readonly #timers = new Timers<'patience' | 'refresh' | 'retry' | 'locate'>();
  readonly #watch: Watch;
  readonly #lookout: Lookout;
  readonly #bindings: Bindings;
  readonly #registering: Registering;
  readonly #backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  readonly #flowLosses = new FlowLosses(RETRY_FIRST_MS, RETRY_MAX_MS);
  #stopping = false;
  readonly #news: News;
  /** Hops still to be tried in this round. */
  #candidates: Hop[] = [];
  /** The round that looks for servers; an older one is not heard. */
  #locating = 0;
  /** Registered, and about to be so at a server that is preferred. */
  #returning = false;
  #expiresMs: number;
  #briefs = 0;
  /** A refusal waits for its retry; silence may be ended by a sign of life. */
  #silent = false;
  /** Our Contact as the server knows it. */
  #contact = '';
  /** The registrar refused the address we are seen at. */
  #uncorrected = false;
  /** What is waited for is the next try after a refusal. */
  #refusal = false;
  /** The REGISTER under way replaces a flow that was lost. */
  #renewing = false;

  constructor(core: Core, account: Account, regId = 1) {
    this.#core = core;
    this.#account = account;
    this.#expiresMs = account.config.expiresMs;
    this.#news = new News(account, (told) => core.announce(this, account.name, told));
    this.#registering = new Registering(core, account, regId, {
      answered: (...outcome) => this.#answered(...outcome),
      unanswered: (...outcome) => this.#unanswered(...outcome),
      refused: (now) => {
        if (this.#candidates.length > 0) this.#timers.set('patience', now);
      },
    });
    this.#watch = new Watch(core, account, {
      alive: (hop, sign, now) => this.#alive(hop, sign !== 'usual', now),
      dead: (now) => this.#dead(now),
      refused: (now) => this.#doubted(now),
    });
    this.#lookout = new Lookout(core, account, (hop, now) => this.#return(hop, now));
    this.#bindings = new Bindings(core, account, (now) => {
      if (!this.#registering.underWay) this.#round(now);
    });
  }

  get deadline(): number | undefined {
    return earliest([this.#timers.next, this.#watch.deadline, this.#lookout.deadline, this.#bindings.deadline]);
  }

  /** Our Contact as the registrar has it; empty: it has none. */
  get contact(): string {
    return this.#news.state === 'registered' ? this.#contact : '';
  }

  /** Registered, and nothing is under way. */
  get #idle(): boolean {
    return this.#news.state === 'registered' && !this.#registering.underWay && !this.#stopping;
  }

  /** The binding is gone at the registrar, as it says itself. */
  again(now: number): void {
    if (this.#idle) this.#round(now);
  }

  start(now: number): void {
    this.#news.tell('registering', 'first registration');
    this.#round(now);
  }

  stop(now: number): void {
    this.#stopping = true;
    this.#watch.stop();
    this.#lookout.stop();
    this.#bindings.stop();
    this.#timers.clearAll();
    const { current } = this.#account;
    // A REGISTER without its answer so far may have been granted all the same.
    const underWay = this.#registering.underWay ? this.#registering.asked : undefined;
    const binding = current !== undefined && this.#contact !== '' ? { hop: current, contact: this.#contact } : underWay;
    this.#registering.quit();
    if (binding === undefined) return this.#finish('stopped');
    this.#timers.set('patience', now + UNREGISTER_PATIENCE_MS);
    this.#contact = binding.contact;
    this.#registering.remove(binding, now);
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'patience') this.#unanswered('timeout', 'no answer to REGISTER', now);
      else if (name !== 'locate') this.#round(now);
      else if (this.#account.hops.length > 0) this.#located(this.#locating, now);
    }
    this.#lookout.timeout(now);
    this.#bindings.timeout(now);
    if ((this.#watch.deadline ?? now + 1) <= now) this.#watch.timeout(now);
  }

  /** One after the other: the server that answered last, then the rest by preference, those that rest at the end. */
  #round(now: number): void {
    this.#timers.clear('retry', 'refresh');
    this.#renewing = false;
    const round = ++this.#locating;
    this.#timers.set('locate', now + LOCATE_MS);
    this.#account.resolve(this.#core, now, (at) => this.#located(round, at));
  }

  #located(round: number, now: number): void {
    if (this.#stopping || round !== this.#locating) return;
    this.#locating++;
    this.#timers.clear('locate');
    this.#returning = false;
    this.#candidates = this.#core.targets.order(this.#account.hops, (hop) => hop, now);
    if (this.#candidates.length > 0) return this.#next(now);
    this.#retry(`cannot find the address of ${this.#account.domain}`, undefined, now, LOCATE_AGAIN_MS);
  }

  #next(now: number): void {
    const hop = this.#candidates.shift();
    if (hop === undefined) return;
    this.#briefs = 0;
    this.#register(hop, now);
  }

  #register(hop: Hop, now: number): void {
    this.#timers.set('patience', now + REGISTER_PATIENCE_MS);
    this.#registering.start(hop, this.#expiresMs, now);
  }

  #answered(response: SipResponse, hop: Hop, contact: string, now: number): void {
    const { status } = response;
    this.#core.targets.alive(hop, now);
    if (status < 200) return this.#timers.set('patience', now + REGISTER_PATIENCE_MS);
    this.#timers.clear('patience');
    if (this.#stopping) return this.#finish(status < 300 ? 'un-registered' : `${status} ${response.reason}`);
    if (status < 300) return this.#registered(response, hop, contact, now);
    const minimum = status === 423 ? deltaSeconds(response.header('Min-Expires')) : undefined;
    if (minimum !== undefined && ++this.#briefs <= BRIEF_MAX) {
      // §10.2.8: the registrar wants a longer interval.
      this.#expiresMs = Math.max(this.#expiresMs, minimum * 1_000);
      return this.#register(hop, now);
    }
    if (status === 439 && !this.#registering.plain) {
      this.#registering.plain = true;
      return this.#register(hop, now);
    }
    if (this.#registering.obsolete !== undefined && status >= 400) {
      // It takes no corrections: the binding stays as it was.
      this.#registering.obsolete = undefined;
      this.#uncorrected = true;
      const { current } = this.#account;
      this.#account.current = current && { ...current, mapped: undefined };
      return this.#round(now);
    }
    this.#refused(response, now);
  }

  #registered(response: SipResponse, hop: Hop, contact: string, now: number): void {
    const seconds = deltaSeconds(ownBinding(response, contact)?.expires) ?? response.expires ?? this.#expiresMs / 1_000;
    if (seconds <= 0) return this.#refused(response, now);
    const before = this.#account.current && { hop: this.#account.current, contact: this.#contact };
    if (this.#returning && before !== undefined && samePlace(before.hop, hop)) this.#lookout.failed(now);
    this.#returning = false;
    const outbound = !this.#registering.plain && boundFlow(response);
    const rewrite = this.#account.config.nat !== 'off' && !outbound && !this.#uncorrected;
    const at: Hop = { ...hop, outbound, mapped: rewrite ? mappedAddress(response, hop) : undefined };
    this.#account.current = at;
    this.#account.serviceRoutes = serviceRoutes(response);
    this.#contact = contact;
    this.#backoff.reset();
    this.#silent = false;
    this.#candidates = [];
    const expiresMs = seconds * 1_000;
    // Between 70 % and 80 % of the interval: hundreds of terminals that start together do not refresh together.
    const refreshAt = now + Math.max(1_000, expiresMs * (0.7 + 0.1 * this.#chance()));
    this.#timers.set('refresh', refreshAt);
    this.#bindings.start(hop, response, contact, refreshAt, now);
    this.#lookout.start(hop, now);
    this.#watch.start(() => [hop], now);
    this.#news.tell('registered', `${response.status} ${response.reason}`, response.status, expiresMs);
    this.#correct(at, now);
    const moved = before !== undefined && !samePlace(before.hop, hop) && !this.#core.targets.resting(before.hop, now);
    if (moved) this.#leave(before, now);
  }

  /** A NAT lies between: the binding gets the address we are seen at, once a round, and the one it had is taken away. */
  #correct(at: Hop, now: number): void {
    const corrected = this.#registering.obsolete !== undefined;
    this.#registering.obsolete = undefined;
    const named = this.#registering.asked?.hop.mapped;
    if (corrected || (at.mapped?.host === named?.host && at.mapped?.port === named?.port)) return;
    this.#registering.obsolete = `<${formatUri(parseNameAddr(this.#contact).uri)}>`;
    this.#register(at, now);
  }

  /** RFC 5626 §4.5: what was bound to the flow reaches us no more. A server that ends every one is not chased. */
  flowClosed(flow: string, now: number): void {
    const { current } = this.#account;
    if (this.#stopping || this.#news.state !== 'registered' || current?.flow !== flow) return;
    this.#account.current = { ...current, flow: undefined };
    if (this.#registering.underWay) return;
    const waitMs = this.#flowLosses.lost(now);
    if (waitMs > 0) return this.#timers.set('refresh', now + waitMs * (0.5 + 0.5 * this.#chance()));
    this.#round(now);
    this.#renewing = true;
  }

  /** A link, an address or a route came or went: what waits is tried at once, what seems well is looked at. */
  networkChanged(now: number): void {
    if (this.#stopping) return;
    if (this.#news.state !== 'registered') {
      // A wrong password gets no better by a cable, and a server that asked for patience gets it.
      if (this.#refusal) return;
      this.#backoff.reset();
      this.#registering.quit();
      this.#timers.clearAll();
      return this.#round(now);
    }
    const before = this.#registering.asked?.hop.local.host;
    this.#account.resolve(this.#core, now, (at) => {
      if (this.#stopping || this.#news.state !== 'registered') return;
      if (!this.#account.reachable) return this.#lost('there is no way to the server any more', at);
      if (this.#account.current?.local.host !== before) {
        this.#registering.quit();
        return this.#round(at);
      }
      this.#watch.hurry(at);
    });
  }

  /** A preferred server is back, and nobody talks: there first, and if it will not, here again. */
  #return(hop: Hop, now: number): void {
    const { current } = this.#account;
    if (!this.#idle || current === undefined) return;
    this.#locating++;
    this.#timers.clear('locate', 'refresh');
    this.#returning = true;
    this.#candidates = [hop, current];
    this.#next(now);
  }

  /** The binding at the server we came from goes; the new one is made once more, for both may keep them in one place. */
  #leave(binding: Binding, now: number): void {
    this.#registering.leave(binding, (at) => this.again(at), now);
  }

  #refused(response: SipResponse, now: number): void {
    const { status } = response;
    const askedMs = retryAfterMs(response);
    // Some say 0 with every refusal: asked again as fast as it answers, a server in trouble would stay there.
    const waitMs = askedMs === undefined ? undefined : Math.max(askedMs, RETRY_FIRST_MS);
    if (askedMs !== undefined && status === 503 && this.#registering.asked)
      this.#core.targets.rest(this.#registering.asked.hop, now, askedMs);
    // Whatever one server has against us, another one may take us.
    if (this.#candidates.length > 0) return this.#next(now);
    const password = status === 401 || status === 407;
    const word = `${status} ${response.reason}`;
    const why = password ? 'user name or password refused' : status < 300 ? `${word}, for no time at all` : word;
    // A wrong password will not get better soon: no loop, and no lock-out at the server.
    if (password || status === 403) this.#backoff.exhaust();
    this.#silent = false;
    this.#watch.stop();
    this.#lookout.stop();
    this.#bindings.stop();
    this.#retry(why, status, now, waitMs);
  }

  #unanswered(cause: 'timeout' | 'transport', reason: string, now: number): void {
    this.#registering.quit();
    this.#timers.clear('patience');
    if (this.#stopping) return this.#finish(reason);
    this.#registering.obsolete = undefined;
    const asked = this.#registering.asked?.hop;
    if (cause === 'transport' && this.#news.state === 'registered' && !this.#renewing && asked?.flow !== undefined) {
      // The connection may have led to a server that has been started anew since: a fresh one is tried first.
      this.#renewing = true;
      return this.#register({ ...asked, flow: undefined }, now);
    }
    if (this.#registering.asked !== undefined) this.#core.targets.rest(this.#registering.asked.hop, now);
    if (this.#candidates.length > 0) return this.#next(now);
    if (!this.#silent) this.#watch.start(() => this.#account.hops, now);
    this.#silent = true;
    this.#retry(cause === 'timeout' ? 'no answer to REGISTER' : reason, undefined, now);
  }

  #retry(reason: string, status: number | undefined, now: number, waitMs?: number): void {
    const backoffMs = this.#backoff.next();
    const delayMs = waitMs ?? backoffMs * (0.75 + 0.5 * this.#chance());
    this.#refusal = status !== undefined;
    this.#timers.clear('refresh');
    this.#timers.set('retry', now + delayMs);
    this.#news.tell('failed', reason, status);
  }

  #alive(hop: Hop, odd: boolean, now: number): void {
    if (this.#stopping) return;
    if (this.#news.state === 'registered') {
      // It answered, but only the second copy of the question, or over a new connection, or it sees us elsewhere: it may
      // have been started anew and have forgotten us, or our binding leads to a connection or address that is gone.
      const renewed = hop.flow !== this.#account.current?.flow;
      if ((odd || renewed) && !this.#registering.underWay) this.#round(now);
      return;
    }
    if (!this.#silent) return;
    this.#registering.quit();
    this.#timers.clear('retry');
    this.#backoff.reset();
    const first = this.#account.hops.find((known) => samePlace(known, hop));
    this.#candidates = first === undefined ? [...this.#account.hops] : [first];
    this.#next(now);
  }

  #dead(now: number): void {
    if (this.#stopping) return;
    if (this.#news.state !== 'registered') {
      // The address of the server, or ours on the way there, may have changed: the next probe knows.
      this.#account.resolve(this.#core, now, () => {});
      return;
    }
    // The probe went by the connection that has ended; the REGISTER by a new one says more.
    if (this.#renewing && this.#registering.underWay) return;
    // Some servers let every OPTIONS drop: whether such a one is dead, the next REGISTER says.
    if (!this.#watch.everAnswered) return this.#round(now);
    this.#lost('the server does not answer any more', now);
  }

  /** Nobody listens there, says the network. Where another server could have us, the next REGISTER finds out who does. */
  #doubted(now: number): void {
    if (this.#idle && this.#account.hops.length > 1) this.#round(now);
  }

  #lost(reason: string, now: number): void {
    this.#registering.quit();
    this.#timers.clearAll();
    this.#lookout.stop();
    this.#bindings.stop();
    if (this.#account.current !== undefined) this.#core.targets.rest(this.#account.current, now);
    this.#account.current = undefined;
    this.#silent = true;
    this.#backoff.reset();
    this.#watch.start(() => this.#account.hops, now);
    this.#news.tell('failed', reason);
    // Another server may take over at once.
    if (this.#account.hops.length > 1) this.#round(now);
    else this.#timers.set('retry', now + RETRY_FIRST_MS);
  }

  #finish(reason: string): void {
    this.#timers.clearAll();
    this.#account.current = undefined;
    this.#core.machines.delete(this);
    this.#news.tell('unregistered', reason);
  }

  /** 0 .. 1 */
  #chance(): number {
    return (this.#core.random.uint32() % 1_000) / 1_000;
  }
}
