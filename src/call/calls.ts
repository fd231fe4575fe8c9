/**
 * Every call of the terminal, between its policies and the user agent: the terminal's verbs go down (dial, answer, hang up),
 * session and media events climb up as the terminal's inputs. Offer/answer happens on the way (RFC 3264, RFC 3261 §13-14).
 */
import { CodedError, type Logger, type Random } from '../base/index.ts';
import type { MediaEngine, MediaEvent } from '../media/types.ts';
import { parseSdp, SdpSyntaxError } from '../sdp/index.ts';
import type { Hop, SipMessage, SipRequest } from '../sip/message/index.ts';
import type { Body, Notice, SessionEvent, TransportChange, UaOutput, UserAgentInterface } from '../sip/ua/types.ts';
import type { EndCause, TerminalInput } from '../terminal/types.ts';
import { Call, type CallsConfig } from './call.ts';
import { endCause } from './cause.ts';
import { digitIn, infosFor } from './dtmf-info.ts';
import { callerOf, incomingOf, readable, short, up } from './incoming.ts';
import { Transfers } from './transfer.ts';

/** What is left for the wiring: to the wire and the resolver, and up to the terminal. */
export type CallOutput =
  | Exclude<UaOutput, { kind: 'session' | 'message' | 'notice' }>
  | { kind: 'terminal'; input: TerminalInput };

/** A talk without a single packet for so long is over: the other side has lost its power or its network. */
const mediaLostMs = 30_000;
/** As long when its server is gone as well: then it is no operator with a closed microphone. */
const mediaLostWithServerMs = 10_000;
/**
 * A telephone without a PBX between us is asked whether it is there after so long, and again: it may be mute, and send
 * nothing then. So is who holds us and plays no music.
 */
const doubtfulMs = 10_000;

/** RFC 3261 §21.4.18, §21.4.24, §21.6.2, §21.4.4 */
const refusals = {
  unavailable: [480, 'Temporarily Unavailable'],
  busy: [486, 'Busy Here'],
  declined: [603, 'Decline'],
  forbidden: [403, 'Forbidden'],
} as const;

type End = { cause: EndCause; by: 'us' | 'peer' | 'network'; reason: string };

export class Calls {
  readonly #ua: UserAgentInterface;
  readonly #media: MediaEngine;
  readonly #config: CallsConfig;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #calls = new Map<string, Call>();
  readonly #transfers: Transfers;
  /** Accounts whose servers do not answer. */
  readonly #lost = new Set<string>();

  constructor(ua: UserAgentInterface, media: MediaEngine, config: CallsConfig, random: Random, log: Logger) {
    this.#ua = ua;
    this.#media = media;
    this.#config = config;
    this.#random = random;
    this.#log = log;
    this.#transfers = new Transfers(ua, {
      get: (id) => this.#calls.get(id),
      bySession: (session) => this.#bySession(session),
      make: (id, direction, session) => new Call(id, direction, media, config, random.uint32(), session),
      put: (call) => void this.#calls.set(call.id, call),
      close: (call) => this.#close(call),
      climb: (outputs, now) => this.#climb(outputs, now),
    });
  }

  // ---------------------------------------------------------------- from below

  get deadline(): number | undefined {
    return this.#ua.deadline;
  }

  timeout(now: number): CallOutput[] {
    return this.#climb(this.#ua.timeout(now), now);
  }

  receive(message: SipMessage, hop: Hop, now: number): CallOutput[] {
    return this.#climb(this.#ua.receive(message, hop, now), now);
  }

  resolved(query: string, hops: readonly Hop[], now: number): CallOutput[] {
    return this.#climb(this.#ua.resolved(query, hops, now), now);
  }

  transportFailed(transaction: string, reason: string, now: number): CallOutput[] {
    return this.#climb(this.#ua.transportFailed(transaction, reason, now), now);
  }

  transportChanged(change: TransportChange, now: number): CallOutput[] {
    return this.#climb(this.#ua.transportChanged(change, now), now);
  }

  /** What the media thread noticed about a stream. */
  noticed(event: MediaEvent, now: number): CallOutput[] {
    if (!('stream' in event)) return [];
    const call = [...this.#calls.values()].find((one) => one.stream?.id === event.stream);
    if (!call) return [];
    if (!call.answered) return this.#noticedEarly(call, event);
    if (event.type === 'digit') return [up({ type: 'digit', call: call.id, digit: event.digit })];
    if (event.type !== 'silent') return [];
    if (call.account === undefined || call.heldByPeer) return this.#doubt(call, event.silentMs, now);
    const patienceMs = this.#lost.has(call.account ?? '') ? mediaLostWithServerMs : mediaLostMs;
    if (event.silentMs >= patienceMs)
      return this.#hangUp(
        call,
        { cause: 'media-lost', by: 'network', reason: `no sound came for ${event.silentMs / 1000} s` },
        now,
      );
    return [];
  }

  #doubt(call: Call, silentMs: number, now: number): CallOutput[] {
    if (silentMs < doubtfulMs || now - (call.doubtedAtMs ?? Number.NEGATIVE_INFINITY) < doubtfulMs) return [];
    call.doubtedAtMs = now;
    return this.#climb(this.#ua.check(call.session, now), now);
  }

  /**
   * Before the answer silence ends nothing. RFC 3960 §3.2: our own ringback sounds until packets come, whatever was announced,
   * and again when they cease.
   */
  #noticedEarly(call: Call, event: MediaEvent): CallOutput[] {
    const on = event.type === 'first-packet';
    if (call.direction === 'incoming' || call.early === on || !(on || event.type === 'silent')) return [];
    call.early = on;
    return [up({ type: 'early', call: call.id, on })];
  }

  // ---------------------------------------------------------------- from above

  start(now: number): CallOutput[] {
    return this.#climb(this.#ua.start(now), now);
  }

  stop(now: number): CallOutput[] {
    for (const call of this.#calls.values()) call.close();
    return this.#climb(this.#ua.stop(now), now);
  }

  /** Nothing more to say on the wire. */
  get idle(): boolean {
    return this.#ua.idle;
  }

  /** `referral`: somebody asked us to. */
  dial(id: string, uri: string, now: number, referral?: string): CallOutput[] {
    const call = this.#open(id, 'outgoing');
    this.#media.prepare();
    const body = (hop: Hop, account?: string): Body => {
      call.account = account;
      return call.makeOffer(hop);
    };
    return this.#climb(this.#ua.invite({ session: id, target: uri, body, referral }, now), now);
  }

  /** 180: a person or a delay decides later. */
  alert(id: string, now: number): CallOutput[] {
    const call = this.#calls.get(id);
    if (!call?.hop) return [];
    if (call.offered || !call.reliable) return this.#climb(this.#ua.ring(id, now), now);
    // RFC 3262 §5: who wants a reliable 180 to an INVITE without an offer gets ours in it, and answers it in the PRACK.
    try {
      return this.#climb(this.#ua.ring(id, now, { body: call.makeOffer(call.hop) }), now);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return this.#refuse(call, 500, 'Server Internal Error', error.message, now);
    }
  }

  answer(id: string, direction: 'recvonly' | 'sendrecv', now: number): CallOutput[] {
    const call = this.#calls.get(id);
    if (!call?.hop || call.answered) return [];
    let answer: Body | string | undefined;
    try {
      // Settled by a PRACK, or about to be: nothing more is to be said. A page's microphone stays closed all the same.
      if (!call.offered && call.reliable && call.stream) call.limit(direction);
      else if (call.offered) answer = call.makeAnswer(call.offered, call.hop, direction);
      else {
        call.want(direction); // RFC 3261 §13.3.1: an INVITE without an offer gets ours in the 200, its answer comes in the ACK
        answer = call.makeOffer(call.hop);
      }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return this.#refuse(call, 500, 'Server Internal Error', error.message, now); // no RTP port, say
    }
    if (typeof answer === 'string') return this.#refuse(call, 488, 'Not Acceptable Here', answer, now);
    call.answered = true;
    return [...this.#climb(this.#ua.accept(id, answer, now), now), up({ type: 'answered', call: id })];
  }

  reject(id: string, code: keyof typeof refusals, now: number): CallOutput[] {
    const call = this.#calls.get(id);
    if (!call) return [];
    this.#close(call);
    const [status, reason] = refusals[code];
    return this.#climb(this.#ua.reject(id, status, reason, now), now);
  }

  hangup(id: string, cause: EndCause, now: number): CallOutput[] {
    const call = this.#calls.get(id);
    return call ? this.#hangUp(call, { cause, by: 'us', reason: '' }, now) : [];
  }

  hold(id: string, held: boolean, now: number): CallOutput[] {
    const call = this.#calls.get(id);
    return call?.hold(held)
      ? this.#climb(
          this.#ua.reinvite(call.session, () => call.turnOffer(), now),
          now,
        )
      : [];
  }

  listen(id: string, microphone: boolean, speaker = true): void {
    this.#calls.get(id)?.listen(microphone, speaker);
  }

  follow(id: string, referral: string, to: string, now: number): CallOutput[] {
    return this.#transfers.follow(id, referral, to, now);
  }

  stay(referral: string, now: number): CallOutput[] {
    return this.#transfers.stay(referral, now);
  }

  refer(id: string, to: string, now: number, other?: string): CallOutput[] {
    return this.#transfers.refer(id, to, now, other);
  }

  /** Mono samples for the other side's ear, while our microphone is mute. */
  say(id: string, samples: Int16Array, rateHz: number): void {
    this.#calls.get(id)?.stream?.say(samples, rateHz);
  }

  /** Telephone-events in the sound, or INFO, as the account wants it. */
  digits(id: string, digits: string, now: number): CallOutput[] {
    const call = this.#calls.get(id);
    if (call?.account !== undefined && this.#config.dtmf?.[call.account] === 'info')
      return this.#climb(this.#ua.inform(id, infosFor(digits), now), now);
    call?.stream?.sendDigits(digits);
    return [];
  }

  /** The answer to a `message` that went up. */
  takeMessage(message: string, taken: boolean, now: number): CallOutput[] {
    return this.#climb(this.#ua.answerMessage(message, taken ? 200 : 603, now), now);
  }

  // ---------------------------------------------------------------- the stairs

  #climb(outputs: readonly UaOutput[], now: number): CallOutput[] {
    const all: CallOutput[] = [];
    for (const output of outputs) {
      if (output.kind === 'session') {
        all.push(...this.#session(output.session, output.event, now));
        continue;
      }
      if (output.kind === 'message') {
        const caller = callerOf(output.request, output.hop.remote.host, output.account, {
          identities: output.hop.identities,
          user: output.user,
        });
        all.push(up({ type: 'message', message: output.message, caller, text: readable(output.text) }));
        continue;
      }
      if (output.kind === 'notice') {
        all.push(up(noticed(output.notice, output.account)));
        continue;
      }
      if (output.kind === 'registration') {
        // One that refuses us is there.
        if (output.state === 'failed' && output.status === undefined) this.#lost.add(output.account);
        else this.#lost.delete(output.account);
      }
      all.push(output);
    }
    return all;
  }

  #session(id: string, event: SessionEvent, now: number): CallOutput[] {
    if (event.type === 'incoming') return this.#incoming(id, event, now);
    if (event.type === 'referred') return this.#transfers.referred(id, event, now);
    if (event.type === 'stranger')
      return [up({ type: 'stranger', incoming: incomingOf(id, event.request, event.hop.remote.host) })];
    const moved = this.#transfers.session(id, event, now);
    if (moved) return moved;
    const call = this.#bySession(id) ?? this.#transfers.next(id);
    if (!call) return [];
    try {
      switch (event.type) {
        case 'progress':
          return this.#progress(call, event, now);
        case 'accepted':
          call.account = event.account;
          return this.#accepted(call, event, now);
        case 'confirmed':
          if (event.body) return this.#settle(call, event.body, now);
          // RFC 3261 §13.2.2.4: our 200 made the offer, so the ACK must answer it. Without sound it is no call.
          return call.settled
            ? []
            : this.#hangUp(call, { cause: 'failed', by: 'us', reason: 'the ACK had no SDP answer' }, now);
        case 'reaccepted':
          return event.body ? this.#settle(call, event.body, now) : [];
        case 'pracked':
          return event.body ? this.#settle(call, event.body, now) : [];
        case 'rerejected':
          return [];
        case 'redirected': {
          const { by, status } = event;
          this.#log.info('A call was redirected', { call: id, by: short(by), status, to: short(event.to) });
          return [up({ type: 'redirected', call: id, by: short(by), to: short(event.to) })];
        }
        case 'refresh':
          return call.settled
            ? this.#climb(
                this.#ua.reinvite(call.session, () => this.#anew(call, event.hop), now),
                now,
              )
            : [];
        case 'offered':
          return this.#offered(call, event.offer, now, event.branch);
        case 'info':
          return this.#info(call, event.request);
        case 'referring':
          return this.#transfers.referring(call, event);
        case 'ended':
          return this.#transfers.left(call) ?? this.#ended(call, event);
      }
    } catch (error) {
      if (!(error instanceof SdpSyntaxError)) throw error;
      return this.#hangUp(call, { cause: 'failed', by: 'us', reason: error.message }, now);
    }
  }

  #anew(call: Call, hop: Hop | undefined): Body {
    if (hop === undefined) return call.repeatOffer();
    try {
      return call.makeOffer(hop);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#log.warn('A call cannot move to our new address', { call: call.id, reason: error.message });
      return call.repeatOffer();
    }
  }

  #ended(call: Call, event: Extract<SessionEvent, { type: 'ended' }>): CallOutput[] {
    this.#close(call);
    const reason = endReason(event);
    // It was silent, and gave no sign of life or knows nothing of the call any more (481).
    if (call.doubtedAtMs !== undefined && ['timeout', 'transport', 'rejected'].includes(event.cause)) {
      const both = `no sound came, and ${reason}`;
      return [up({ type: 'ended', call: call.id, cause: 'media-lost', by: 'network', reason: both })];
    }
    return [up({ type: 'ended', call: call.id, cause: endCause(event), by: event.by, reason })];
  }

  #incoming(id: string, event: Extract<SessionEvent, { type: 'incoming' }>, now: number): CallOutput[] {
    const { request, hop, offer } = event;
    try {
      if (offer) parseSdp(offer.bytes);
    } catch (error) {
      if (!(error instanceof SdpSyntaxError)) throw error;
      const reason = short(`its session description cannot be read: ${error.message}`);
      this.#log.warn('An INVITE was refused', { from: request.from.uri.host, reason });
      return [
        ...this.#climb(this.#ua.reject(id, 400, 'Bad Session Description', now), now),
        up({ type: 'stranger', incoming: incomingOf(id, request, hop.remote.host, event.account), reason }),
      ];
    }
    const taken = this.#transfers.replaced(id, event, now);
    if (taken) return taken;
    const call = this.#open(id, 'incoming');
    call.hop = hop;
    call.account = event.account;
    call.offered = offer;
    call.reliable = request.list('Require').some((tag) => tag.toLowerCase() === '100rel');
    const proof = { identities: hop.identities, user: event.user };
    return [up(incomingOf(id, request, hop.remote.host, event.account, proof))];
  }

  /** An answer that is no good is the business of the 2xx: until then it only cannot be heard. */
  #progress(call: Call, event: Extract<SessionEvent, { type: 'progress' }>, now: number): CallOutput[] {
    const { status, body, branch } = event;
    if (body && event.offer) return this.#offered(call, body, now, branch);
    try {
      const refused = body && branch !== undefined ? call.takeEarly(body, branch) : undefined;
      if (refused) this.#log.warn('Early sound cannot be heard', { call: call.id, reason: refused });
    } catch (error) {
      if (!(error instanceof SdpSyntaxError)) throw error;
      this.#log.warn('Early sound cannot be heard', { call: call.id, reason: error.message });
    }
    return status === 180 || status === 183 ? [up({ type: 'ringing', call: call.id })] : [];
  }

  #accepted(call: Call, event: Extract<SessionEvent, { type: 'accepted' }>, now: number): CallOutput[] {
    call.answered = true;
    // Who answers is mute until it is known whether it is the one that talks.
    if (call.early) call.listen(false, false);
    // RFC 3261 §13.2.1: the 2xx must carry the answer to our offer, unless a reliable 1xx has.
    const refused = event.body ? call.takeAnswer(event.body, event.branch) : call.takeBranch(event.branch ?? '');
    if (refused) return this.#hangUp(call, { cause: 'failed', by: 'us', reason: refused }, now);
    return [up({ type: 'answered', call: call.id, ...(event.focus && { conference: true }) })];
  }

  #settle(call: Call, answer: Body, now: number): CallOutput[] {
    const refused = call.takeAnswer(answer);
    return refused ? this.#hangUp(call, { cause: 'failed', by: 'us', reason: refused }, now) : [];
  }

  /** A re-INVITE: hold, resume, another codec, another address. RFC 3264 §8. */
  #offered(call: Call, offer: Body | undefined, now: number, branch?: string): CallOutput[] {
    if (!call.hop && !call.stream)
      return this.#climb(
        this.#ua.answerOffer(call.session, { status: 500, reason: 'Server Internal Error' }, now),
        now,
      );
    const hop = call.hop ?? localHop(call);
    try {
      const answer = offer ? call.makeAnswer(offer, hop, call.wanted, branch) : call.makeOffer(hop);
      if (typeof answer !== 'string') return this.#climb(this.#ua.answerOffer(call.session, answer, now), now);
      this.#log.warn('An offer within a call was refused', { call: call.id, reason: answer });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error; // it cannot be read, or there is no port to answer with
      this.#log.warn('An offer within a call could not be answered', { call: call.id, reason: error.message });
    }
    return this.#climb(this.#ua.answerOffer(call.session, { status: 488, reason: 'Not Acceptable Here' }, now), now);
  }

  #info(call: Call, request: SipRequest): CallOutput[] {
    const digit = digitIn(request);
    return digit === undefined ? [] : [up({ type: 'digit', call: call.id, digit })];
  }

  #open(id: string, direction: 'outgoing' | 'incoming'): Call {
    const call = new Call(id, direction, this.#media, this.#config, this.#random.uint32());
    this.#calls.set(id, call);
    return call;
  }

  #bySession(session: string): Call | undefined {
    const call = this.#calls.get(session);
    return call?.session === session ? call : [...this.#calls.values()].find((one) => one.session === session);
  }

  #close(call: Call): void {
    call.close();
    this.#calls.delete(call.id);
  }

  #refuse(call: Call, status: number, phrase: string, reason: string, now: number): CallOutput[] {
    this.#close(call);
    return [
      ...this.#climb(this.#ua.reject(call.session, status, phrase, now), now),
      up({ type: 'ended', call: call.id, cause: 'failed', by: 'us', reason }),
    ];
  }

  #hangUp(call: Call, end: End, now: number): CallOutput[] {
    this.#close(call); // before the BYE: what the session still says of itself is nobody's business then
    const dropped = this.#transfers.drop(call.id, now);
    const reason = end.cause === 'cancelled' ? 'SIP;cause=200;text="Call completed elsewhere"' : undefined; // RFC 3326
    return [
      ...this.#climb(this.#ua.end(call.session, now, reason), now),
      ...dropped,
      up({ type: 'ended', call: call.id, ...end }),
    ];
  }
}

function noticed(notice: Notice, account: string | undefined): TerminalInput {
  const by = account === undefined ? 'the other side' : `the server of account ${account}`;
  switch (notice.type) {
    case 'talk':
    case 'hold':
      return { type: 'steer', wish: notice.type, call: notice.session, by: `NOTIFY ${notice.type} of ${by}` };
    case 'check-sync':
      return { type: 'check-sync', by: `NOTIFY check-sync of ${by}`, reboot: notice.reboot };
    case 'messages': {
      const { waiting, fresh, old } = notice;
      return { type: 'mailbox', account: account ?? '', waiting, ...(fresh !== undefined && { fresh, old }) };
    }
  }
}

function endReason(event: Extract<SessionEvent, { type: 'ended' }>): string {
  return short(event.status ? `${event.status} ${event.reason}` : event.reason);
}

function localHop(call: Call): Hop {
  const local = call.stream!.local;
  return { transport: 'udp', local, remote: local };
}
