/**
 * Offers and answers of the other side, in whichever message they come: RFC 3264, RFC 3261 §13-14, RFC 3262 §5. A description
 * that cannot be read is thrown as `SdpSyntaxError` where it ends the call.
 */
import { CodedError, type Logger } from '../base/index.ts';
import type { MediaStream } from '../media/types.ts';
import { SdpSyntaxError } from '../sdp/index.ts';
import type { Hop } from '../sip/message/index.ts';
import type { Body, SessionEvent, UaOutput, UserAgentInterface } from '../sip/ua/index.ts';
import type { Call } from './call.ts';
import { type CallOutput, up } from './output.ts';

type Of<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

/** What is left to the calls as a whole. */
export interface Stairs {
  climb(outputs: readonly UaOutput[], now: number): CallOutput[];
  /** The call cannot go on for this reason. */
  fail(call: Call, reason: string, now: number): CallOutput[];
}

export class Offers {
  readonly #ua: UserAgentInterface;
  readonly #log: Logger;
  readonly #stairs: Stairs;

  constructor(ua: UserAgentInterface, log: Logger, stairs: Stairs) {
    this.#ua = ua;
    this.#log = log;
    this.#stairs = stairs;
  }

  /** An answer that is no good is the business of the 2xx: until then it only cannot be heard. */
  progress(call: Call, { status, body, branch, offer }: Of<'progress'>, now: number): CallOutput[] {
    if (body && offer) return this.offered(call, body, now, branch);
    try {
      const refused = body && branch !== undefined ? call.takeEarly(body, branch) : undefined;
      if (refused) this.#log.warn('Early sound cannot be heard', { call: call.id, reason: refused });
    } catch (error) {
      if (!(error instanceof SdpSyntaxError)) throw error;
      this.#log.warn('Early sound cannot be heard', { call: call.id, reason: error.message });
    }
    return status === 180 || status === 183 ? [up({ type: 'ringing', call: call.id })] : [];
  }

  accepted(call: Call, event: Of<'accepted'>, now: number): CallOutput[] {
    call.account = event.account;
    call.answered = true;
    // Who answers is mute until it is known whether it is the one that talks.
    if (call.early) call.listen(false, false);
    // RFC 3261 §13.2.1: the 2xx must carry the answer to our offer, unless a reliable 1xx has.
    const refused = event.body ? call.takeAnswer(event.body, event.branch) : call.takeBranch(event.branch ?? '');
    if (refused) return this.#stairs.fail(call, refused, now);
    return [up({ type: 'answered', call: call.id, ...(event.focus && { conference: true }) })];
  }

  /** RFC 3261 §13.2.2.4: our 200 made the offer, so the ACK must answer it. Without sound it is no call. */
  confirmed(call: Call, answer: Body | undefined, now: number): CallOutput[] {
    if (answer) return this.settle(call, answer, now);
    return call.settled ? [] : this.#stairs.fail(call, 'the ACK had no SDP answer', now);
  }

  /** What answers an offer of ours, if anything does. */
  settle(call: Call, answer: Body | undefined, now: number): CallOutput[] {
    const before = call.heldByPeer;
    const refused = answer && call.takeAnswer(answer);
    return refused ? this.#stairs.fail(call, refused, now) : waiting(call, before);
  }

  /** A re-INVITE: hold, resume, another codec, another address. RFC 3264 §8. */
  offered(call: Call, offer: Body | undefined, now: number, branch?: string): CallOutput[] {
    if (!call.hop && !call.stream) return this.#refuse(call, 500, 'Server Internal Error', now);
    // Where our sound is now: our address may be another one than when the call came.
    const hop = call.stream ? localHop(call.stream) : call.hop!;
    try {
      const before = call.heldByPeer;
      const answer = offer ? call.makeAnswer(offer, hop, call.wanted, branch) : call.makeOffer(hop);
      if (typeof answer !== 'string')
        return [...this.#stairs.climb(this.#ua.answerOffer(call.session, answer, now), now), ...waiting(call, before)];
      this.#log.warn('An offer within a call was refused', { call: call.id, reason: answer });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error; // it cannot be read, or there is no port to answer with
      this.#log.warn('An offer within a call could not be answered', { call: call.id, reason: error.message });
    }
    return this.#refuse(call, 488, 'Not Acceptable Here', now);
  }

  #refuse(call: Call, status: number, reason: string, now: number): CallOutput[] {
    return this.#stairs.climb(this.#ua.answerOffer(call.session, { status, reason }, now), now);
  }

  /** Our side once more, or as it is at another address. */
  refresh(call: Call, hop: Hop | undefined, now: number): CallOutput[] {
    if (!call.settled) return [];
    return this.#stairs.climb(
      this.#ua.reinvite(call.session, () => this.#anew(call, hop), now),
      now,
    );
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
}

/** The other side of a talk listens no more, or again. A page is no talk. */
function waiting(call: Call, before: boolean): CallOutput[] {
  const on = call.heldByPeer;
  const told = call.answered && call.wanted === 'sendrecv' && on !== before;
  return told ? [up({ type: 'waiting', call: call.id, on })] : [];
}

function localHop({ local }: MediaStream): Hop {
  return { transport: 'udp', local, remote: local };
}
