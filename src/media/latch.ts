/**
 * Symmetric RTP (RFC 4961): whose packets are taken, and where ours go. SDP names the other side, but behind a NAT (and with some
 * phones on one host) its packets come from elsewhere, so the first plausible source is heard at once, and answered when the one that
 * SDP names stays silent. Once taken it is kept: somebody who only guesses our port must not be able to take over the call (RTP Bleed).
 */

import { uint16Diff } from '../base/index.ts';
import type { RtpHeader } from '../rtp/index.ts';
import { SocketName } from '../rtp/socket.ts';

/** A source elsewhere than SDP says is believed after so many packets in a row. */
const PROBATION_PACKETS = 3;
/** In a row: no further apart than this, for some networks overtake all the time. */
const MOST_STEP = 3;
/** The old source must have been quiet for so long before another one may follow it. */
const QUIET_MS = 500;
/** The same for the same talker on the host that SDP names: a NAT that forgot a port stops the old one at once. */
const FORGOT_MS = 100;

/** Nothing of ours goes elsewhere than SDP says before the host that it names was silent for so long. */
const PATIENCE_MS = 500;

export class SourceLatch {
  readonly #signalled = new SocketName();
  /** Who is heard, once latched. */
  readonly #source = new SocketName();
  /** Where our packets go: what SDP says until a source is taken. */
  readonly target = new SocketName();
  readonly #candidate = new SocketName();
  #latched = false;
  #ssrc = 0;
  #lastMs = 0;
  #signalledMs = 0;
  #candidateSsrc = 0;
  #candidateLast = 0;
  #candidateCount = 0;

  /** What SDP says; a change begins anew. `now`: ms, monotonic. */
  signal(host: string, port: number, now: number): void {
    const name = new SocketName().set(host, port);
    if (this.#signalled.port === port && this.#signalled.same(name)) return;
    this.#signalled.copy(name);
    this.restart(now);
  }

  /** Whoever was heard so far is no longer the other side: another branch of a fork has taken the call. */
  restart(now: number): void {
    this.target.copy(this.#signalled);
    this.#signalledMs = now;
    this.#latched = false;
    this.#candidateCount = 0;
  }

  /** Somebody there has proven to be the other side, before any packet of his: ours go there until one comes. */
  proven(source: SocketName): void {
    if (!this.#latched) this.target.copy(source);
  }

  get latched(): boolean {
    return this.#latched;
  }

  /** Whether the packet is our talker's. `now`: ms, monotonic. */
  accepts(source: SocketName, header: RtpHeader, now: number): boolean {
    const same = this.#latched && source.same(this.#source);
    if (!same && !this.#plausible(source, header, now)) return false;
    if (!same) this.#source.copy(source);
    this.#latched = true;
    this.#ssrc = header.ssrc;
    this.#lastMs = now;
    if (source.sameHost(this.#signalled) || now - this.#signalledMs >= PATIENCE_MS) this.target.copy(source);
    return true;
  }

  /** RTCP comes from another port, so only the host is compared. */
  acceptsRtcp(source: SocketName): boolean {
    return source.sameHost(this.#signalled) || source.sameHost(this.#latched ? this.#source : this.target);
  }

  #plausible(source: SocketName, header: RtpHeader, now: number): boolean {
    const signalledHost = source.sameHost(this.#signalled);
    if (!this.#latched) return signalledHost || this.#probation(source, header);
    // The one SDP names outranks one that was only first, as another branch of a fork is at the same media server.
    if (source.same(this.#signalled) && !this.#source.same(this.#signalled)) return true;
    if (signalledHost && !this.#source.sameHost(this.#signalled)) return true;
    // The same talker from a new port or address: a NAT forgot its binding, or the phone roamed.
    if (header.ssrc === this.#ssrc)
      return now - this.#lastMs >= (signalledHost ? FORGOT_MS : QUIET_MS) && this.#probation(source, header);
    // Another talker from the same host: a media server that re-bridged the call; behind a NAT, a phone that began anew.
    if (now - this.#lastMs < QUIET_MS) return false;
    return signalledHost || (source.sameHost(this.#source) && this.#probation(source, header));
  }

  /** `PROBATION_PACKETS` successive packets of one source. */
  #probation(source: SocketName, header: RtpHeader): boolean {
    const step = uint16Diff(header.sequence, this.#candidateLast);
    const successive =
      this.#candidateCount > 0 &&
      this.#candidateSsrc === header.ssrc &&
      step !== 0 &&
      Math.abs(step) <= MOST_STEP &&
      this.#candidate.same(source);
    if (!successive) this.#candidate.copy(source);
    this.#candidateSsrc = header.ssrc;
    this.#candidateLast = header.sequence;
    this.#candidateCount = successive ? this.#candidateCount + 1 : 1;
    return this.#candidateCount >= PROBATION_PACKETS;
  }
}
