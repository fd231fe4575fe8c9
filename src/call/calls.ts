/**
 * Every call of the terminal, between its policies and the user agent: the terminal's verbs go down (dial, answer, hang up),
 * session and media events climb up as the terminal's inputs. Offer/answer happens on the way (RFC 3264, RFC 3261 §13-14).
 */
import { CodedError, earliest, type Logger, type Random } from '../base/index.ts';
import type { MediaEngine, MediaEvent, RecordListener } from '../media/types.ts';
import { parseSdp, SdpSyntaxError } from '../sdp/index.ts';
import type { Hop, SipMessage, SipRequest } from '../sip/message/index.ts';
import type { Body, SessionEvent, TransportChange, UaOutput, UserAgentInterface } from '../sip/ua/index.ts';
import type { EndCause } from '../terminal/types.ts';
import type { Call, CallsConfig } from './call.ts';
import { type End, endOf } from './cause.ts';
import { digitIn, infosFor } from './dtmf-info.ts';
import { incomingOf, short } from './incoming.ts';
import { messageIn, noticeIn } from './notice.ts';
import { Offers } from './offers.ts';
import { type CallOutput, up } from './output.ts';
import { bodyOf, Ready } from './ready.ts';
import { judgeSilence } from './silence.ts';
import { Table } from './table.ts';
import { Transfers } from './transfer.ts';

/** RFC 3261 §21.4.18, §21.4.24, §21.6.2, §21.4.4 */
const refusals = {
  unavailable: [480, 'Temporarily Unavailable'],
  busy: [486, 'Busy Here'],
  declined: [603, 'Decline'],
  forbidden: [403, 'Forbidden'],
} as const;

export class Calls {
  readonly #ua: UserAgentInterface;
  readonly #media: MediaEngine;
  readonly #config: CallsConfig;
  readonly #log: Logger;
  readonly #table: Table;
  /** The calls a press would make. */
  readonly ready: Ready;
  readonly #offers: Offers;
  readonly transfers: Transfers;
  /** Accounts whose servers do not answer. */
  readonly #lost = new Set<string>();

  constructor(ua: UserAgentInterface, media: MediaEngine, config: CallsConfig, random: Random, log: Logger) {
    this.#ua = ua;
    this.#media = media;
    this.#config = config;
    this.#log = log;
    this.#table = new Table(media, config, random);
    this.ready = new Ready(ua, this.#table);
    const climb = (outputs: readonly UaOutput[], now: number): CallOutput[] => this.#climb(outputs, now);
    const fail = (call: Call, reason: string, now: number): CallOutput[] =>
      this.#hangUp(call, { cause: 'failed', by: 'us', reason }, now);
    this.#offers = new Offers(ua, log, { climb, fail });
    this.transfers = new Transfers(ua, this.#table, climb);
  }

  // ---------------------------------------------------------------- from below

  get deadline(): number | undefined {
    return earliest([this.#ua.deadline, this.ready.deadline]);
  }

  timeout(now: number): CallOutput[] {
    const outputs = this.#ua.timeout(now);
    if (outputs.length > 0) this.ready.disturb(now);
    return [...this.#climb(outputs, now), ...this.#climb(this.ready.timeout(now), now)];
  }

  receive(message: SipMessage, hop: Hop, now: number): CallOutput[] {
    this.ready.disturb(now);
    return this.#climb(this.#ua.receive(message, hop, now), now);
  }

  resolved(query: string, hops: readonly Hop[], now: number): CallOutput[] {
    return this.#climb(this.#ua.resolved(query, hops, now), now);
  }

  transportFailed(transaction: string, reason: string, now: number): CallOutput[] {
    this.ready.disturb(now);
    return this.#climb(this.#ua.transportFailed(transaction, reason, now), now);
  }

  refused(transaction: string, now: number): CallOutput[] {
    this.ready.disturb(now);
    return this.#climb(this.#ua.refused(transaction, now), now);
  }

  transportChanged(change: TransportChange, now: number): CallOutput[] {
    this.ready.disturb(now);
    return this.#climb(this.#ua.transportChanged(change, now), now);
  }

  /** What the media thread noticed about a stream. */
  noticed(event: MediaEvent, now: number): CallOutput[] {
    if (!('stream' in event)) return [];
    const call = this.#table.byStream(event.stream);
    if (!call) return [];
    if (event.type === 'secured') {
      call.secured(true);
      return [up({ type: 'encrypted', call: call.id, by: `dtls-srtp ${event.suite}` })];
    }
    if (event.type === 'insecure') return this.#insecure(call, event.reason, now);
    if (!call.answered) return this.#noticedEarly(call, event);
    if (event.type === 'digit') return [up({ type: 'digit', call: call.id, digit: event.digit })];
    if (event.type !== 'silent') return [];
    const { silentMs } = event;
    switch (judgeSilence(call, silentMs, this.#lost, now)) {
      case 'bear':
        return [];
      case 'ask':
        return this.#climb(this.#ua.check(call.session, now), now);
      case 'over': {
        const reason = `no sound came for ${silentMs / 1000} s`;
        return this.#hangUp(call, { cause: 'media-lost', by: 'network', reason }, now);
      }
    }
  }

  /** Before the answer nobody need shake hands. After it there is no sound without it, and never a plain one: RFC 5763 §6.7.1. */
  #insecure(call: Call, why: string, now: number): CallOutput[] {
    call.secured(false);
    const reason = `the sound cannot be encrypted: ${short(why)}`;
    return call.answered ? this.#hangUp(call, { cause: 'failed', by: 'network', reason }, now) : [];
  }

  /** What protects the sound of an answered call, by its own name or by that of the plan it belongs to. */
  encryption(id: string): 'srtp' | 'dtls-srtp' | undefined {
    return this.#table.answered(id)?.encryption;
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
    this.ready.foresee([], now);
    this.#table.mute();
    return this.#climb(this.#ua.stop(now), now);
  }

  /** Nothing more to say on the wire. */
  get idle(): boolean {
    return this.#ua.idle;
  }

  /** `referral`: somebody asked us to. */
  dial(id: string, uri: string, now: number, referral?: string): CallOutput[] {
    const ahead = referral === undefined ? this.ready.take(uri, id) : undefined;
    if (ahead === undefined) this.ready.disturb(now);
    const call = this.#table.put(ahead ?? this.#table.make(id, 'outgoing'));
    this.#media.prepare();
    return this.#climb(this.#ua.invite({ session: call.session, target: uri, body: bodyOf(call), referral }, now), now);
  }

  /** 180: a person or a delay decides later. */
  alert(id: string, now: number): CallOutput[] {
    const call = this.#table.get(id);
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
    const call = this.#table.get(id);
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
    const call = this.#table.get(id);
    if (!call) return [];
    this.#table.close(call);
    const [status, reason] = refusals[code];
    return this.#climb(this.#ua.reject(id, status, reason, now), now);
  }

  hangup(id: string, cause: EndCause, now: number): CallOutput[] {
    const call = this.#table.get(id);
    return call ? this.#hangUp(call, { cause, by: 'us', reason: '' }, now) : [];
  }

  hold(id: string, held: boolean, now: number): CallOutput[] {
    const call = this.#table.get(id);
    return call?.hold(held)
      ? this.#climb(
          this.#ua.reinvite(call.session, () => call.turnOffer(), now),
          now,
        )
      : [];
  }

  listen(id: string, microphone: boolean, speaker = true): void {
    this.#table.get(id)?.listen(microphone, speaker);
  }

  duck(id: string, ducked: boolean): void {
    this.#table.get(id)?.duck(ducked);
  }

  /** Where its sound is on the media thread. */
  streamOf(id: string): string | undefined {
    return this.#table.get(id)?.stream?.id;
  }

  /** Hands out both sides of it from now on. A call that is gone has an empty recording. */
  record(id: string, listener: RecordListener): void {
    const stream = this.#table.get(id)?.stream;
    if (stream) stream.record(listener);
    else listener(new Int16Array(), 8000, true);
  }

  /** Mono samples for the other side's ear, while our microphone is mute. */
  say(id: string, samples: Int16Array, rateHz: number): void {
    this.#table.get(id)?.stream?.say(samples, rateHz);
  }

  /** How many messages people have left here. */
  messagesWait(fresh: number, now: number): CallOutput[] {
    return this.#climb(this.#ua.messagesWait({ fresh, old: 0 }), now);
  }

  /** Telephone-events, INFO or tones in the sound, as the account wants it. */
  digits(id: string, digits: string, now: number): CallOutput[] {
    const call = this.#table.get(id);
    if (call?.dtmf === 'info')
      return this.#climb(this.#ua.inform(call.session, infosFor(digits, this.#config.digits?.durationMs), now), now);
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
        all.push(up(messageIn(output)));
        continue;
      }
      if (output.kind === 'notice') {
        all.push(up(noticeIn(output, (session) => this.#table.bySession(session)?.id ?? session)));
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
    if (event.type === 'referred') return this.transfers.referred(id, event, now);
    if (event.type === 'stranger')
      return [up({ type: 'stranger', incoming: incomingOf(id, event.request, event.hop.remote.host) })];
    const moved = this.transfers.session(id, event, now);
    if (moved) return moved;
    const call = this.#table.bySession(id) ?? this.transfers.next(id);
    if (!call) return [];
    try {
      switch (event.type) {
        case 'progress':
          return this.#offers.progress(call, event, now);
        case 'accepted':
          return this.#offers.accepted(call, event, now);
        case 'confirmed':
          return this.#offers.confirmed(call, event.body, now);
        case 'reaccepted':
        case 'pracked':
          return this.#offers.settle(call, event.body, now);
        case 'rerejected':
          return [];
        case 'redirected': {
          const { by, status } = event;
          this.#log.info('A call was redirected', { call: call.id, by: short(by), status, to: short(event.to) });
          return [up({ type: 'redirected', call: call.id, by: short(by), to: short(event.to) })];
        }
        case 'refresh':
          return this.#offers.refresh(call, event.hop, now);
        case 'offered':
          return this.#offers.offered(call, event.offer, now, event.branch);
        case 'focus':
          return [up({ type: 'merged', call: call.id, conference: event.focus })];
        case 'info':
          return this.#info(call, event.request);
        case 'referring':
          return this.transfers.referring(call, event);
        case 'ended':
          return this.transfers.left(call) ?? this.#ended(call, event);
      }
    } catch (error) {
      if (!(error instanceof SdpSyntaxError)) throw error;
      return this.#hangUp(call, { cause: 'failed', by: 'us', reason: error.message }, now);
    }
  }

  #ended(call: Call, event: Extract<SessionEvent, { type: 'ended' }>): CallOutput[] {
    this.#table.close(call);
    return [up({ type: 'ended', call: call.id, ...endOf(event, call.doubtedAtMs !== undefined) })];
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
    const taken = this.transfers.replaced(id, event, now);
    if (taken) return taken;
    const call = this.#table.put(this.#table.make(id, 'incoming'));
    call.hop = hop;
    call.account = event.account;
    call.offered = offer;
    call.reliable = request.list('Require').some((tag) => tag.toLowerCase() === '100rel');
    const proof = { identities: hop.identities, user: event.user };
    return [up(incomingOf(id, request, hop.remote.host, event.account, proof))];
  }

  #info(call: Call, request: SipRequest): CallOutput[] {
    const digit = digitIn(request);
    return digit === undefined ? [] : [up({ type: 'digit', call: call.id, digit })];
  }

  #refuse(call: Call, status: number, phrase: string, reason: string, now: number): CallOutput[] {
    this.#table.close(call);
    return [
      ...this.#climb(this.#ua.reject(call.session, status, phrase, now), now),
      up({ type: 'ended', call: call.id, cause: 'failed', by: 'us', reason }),
    ];
  }

  #hangUp(call: Call, end: End, now: number): CallOutput[] {
    this.#table.close(call); // before the BYE: what the session still says of itself is nobody's business then
    const dropped = this.transfers.drop(call.id, now);
    const reason = end.cause === 'cancelled' ? 'SIP;cause=200;text="Call completed elsewhere"' : undefined; // RFC 3326
    return [
      ...this.#climb(this.#ua.end(call.session, now, reason), now),
      ...dropped,
      up({ type: 'ended', call: call.id, ...end }),
    ];
  }
}
