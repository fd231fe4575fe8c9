/**
 * One stream in the media thread: its two sockets, its RTP session, what it hears and what it says. The tick calls `receive`,
 * `hear`, `speak` and `report`, in this order.
 */

import { CodecError, type Mixer } from '../audio/index.ts';
import type { Random } from '../base/index.ts';
import {
  isRtcp,
  MAX_SRTP_OVERHEAD_BYTES,
  parseRtp,
  RTP_HEADER_BYTES,
  RtpHeader,
  RtpSession,
  type SessionConfig,
} from '../rtp/index.ts';
import { SocketName, UdpSocket } from '../rtp/socket.ts';
import { type Coding, changedTo, codingFor, sessionConfig } from './coding.ts';
import { Digits } from './digits.ts';
import { DUCKED, Fade } from './fade.ts';
import { isDtls } from './handshake.ts';
import { Keying } from './keying.ts';
import { SourceLatch } from './latch.ts';
import { Numbers } from './numbers.ts';
import type { ToWorker } from './protocol.ts';
import { Saying } from './saying.ts';
import type { Keyed, Shield } from './shield.ts';
import { statisticsOf } from './statistics.ts';
import type { MediaEvent, StreamConfig, StreamStatistics } from './types.ts';

/** Datagrams taken per socket and tick: a flood may cost packets, never the tick. */
const MAX_PER_TICK = 32;
/** News of digits and ends per tick: one datagram could hold hundreds of digits, and nobody presses so fast. */
const MAX_NEWS = 8;
/** What is thrown away at the start at most: packets that piled up before the stream was configured. */
const MAX_STALE = 512;
const MAX_DATAGRAM_BYTES = 2048;
/** SR with a block, SDES with the longest CNAME, BYE, and what SRTCP adds. */
const MAX_REPORT_BYTES = 512;
const STATISTICS_MS = 5000;
const SILENT_MS = 5000;
/** One packet may have been on its way since before; so many in a row are a change. */
const FOLLOW_PACKETS = 2;
/** A one-way stream keeps the way back open for NATs (RFC 6263 §4.4, §4.6 wants at most 15 s). */
const KEEP_ALIVE_MS = 15_000;
/** Comfort noise, RFC 3389: one byte that says "silence". */
const NOISE_LEVEL = 127;

type Opened = Extract<ToWorker, { kind: 'open' }>;
export type Post = (event: MediaEvent) => void;

export class Stream {
  readonly id: string;
  readonly #rtp: UdpSocket;
  readonly #rtcp: UdpSocket;
  readonly #rateHz: number;
  readonly #random: Random;
  readonly #post: Post;
  readonly #latch = new SourceLatch();
  readonly #rtcpTarget = new SocketName();
  readonly #datagram = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #report = new Uint8Array(MAX_REPORT_BYTES);
  readonly #keepAlive = new Uint8Array(RTP_HEADER_BYTES + 1 + MAX_SRTP_OVERHEAD_BYTES);
  readonly #numbers: Numbers;
  readonly #keying: Keying;
  readonly #shield: Shield;
  readonly #header = new RtpHeader();
  readonly #frame: Int16Array;
  #config: StreamConfig | undefined;
  #session: RtpSession | undefined;
  #coding: Coding | undefined;
  readonly #digits: Digits;
  readonly saying: Saying;
  #speaker = false;
  #microphone = false;
  #reachable = false;
  #ducked = false;
  #begun = false;
  readonly #fade = new Fade();
  #gain = 0;
  /** Packets in a row of a codec that is not ours now. */
  #strangers = 0;
  #firstPacket = false;
  #firstSound: 'awaited' | 'mixed' | 'told' = 'awaited';
  #heardAtMs = 0;
  #silentToldMs = 0;
  /** Of this tick. */
  #news = 0;
  #keepAliveAtMs = 0;
  #statisticsAtMs = 0;

  constructor(open: Opened, rateHz: number, random: Random, post: Post, keyed: (keyed: Keyed) => void) {
    const { stream: id, before } = open;
    this.id = id;
    this.#rtp = new UdpSocket(open.rtpFd);
    this.#rtcp = new UdpSocket(open.rtcpFd);
    this.#numbers = new Numbers(open.numbers);
    this.#keying = new Keying({
      sockets: { rtp: this.#rtp, rtcp: this.#rtcp },
      numbers: this.#numbers,
      before,
      agreed: (suite, afterMs, source) => {
        this.#latch.proven(source);
        post({ type: 'secured', stream: id, suite, afterMs });
      },
      keyed,
    });
    this.#shield = this.#keying.shield;
    this.#rateHz = rateHz;
    this.#digits = new Digits(rateHz);
    this.#random = random;
    this.#post = post;
    this.#frame = new Int16Array(rateHz / 100);
    this.saying = new Saying(rateHz);
  }

  get configured(): boolean {
    return this.#config !== undefined;
  }

  get receives(): boolean {
    return this.#config?.direction === 'sendrecv' || this.#config?.direction === 'recvonly';
  }

  get sends(): boolean {
    return this.#config?.direction === 'sendrecv' || this.#config?.direction === 'sendonly';
  }

  get wantsSpeaker(): boolean {
    return this.#speaker && this.receives;
  }

  /** A page: it is heard, and nothing of here is sent, whatever is audible. */
  get pages(): boolean {
    return this.#speaker && this.#config?.direction === 'recvonly';
  }

  get wantsMicrophone(): boolean {
    return this.#microphone && this.sends;
  }

  configure(config: StreamConfig, now: number): void {
    const coding = codingFor(config, this.#rateHz, this.#coding);
    const first = this.#config === undefined;
    const received = this.receives;
    const { host, port } = config.remote;
    const rtcp = config.remoteRtcp ?? { host, port: port + 1 };
    // RFC 3264 §8.4, the old way to hold: the address 0.0.0.0. And port 0 is no port.
    this.#reachable = port !== 0 && host !== '0.0.0.0' && host !== '::';
    this.#keying.configure(config, rtcp, this.#reachable, now);
    this.#config = config;
    if (!received && this.receives) {
      this.#drain(now);
      this.#session?.jitter.restart();
    }
    const session = sessionConfig(config, coding);
    if (this.#session === undefined) this.#session = this.#begin(session, now);
    else this.#session.configure(session);
    this.#coding = coding;
    this.#digits.configure(config.digits, config.dtmfPayloadType !== undefined);
    this.#latch.signal(host, port, now);
    if (config.restart) this.#latch.restart(now);
    this.#rtcpTarget.set(rtcp.host, rtcp.port);
    this.#heardAtMs = now;
    this.#silentToldMs = 0;
    if (first) this.#statisticsAtMs = now + STATISTICS_MS;
    this.#keepAliveAtMs = now;
  }

  /** Or goes on where another thread came to; its time has gone on meanwhile. */
  #begin(config: SessionConfig, now: number): RtpSession {
    const session = new RtpSession(config, this.#random, this.#numbers.session);
    const { atMs } = this.#numbers;
    if (atMs > 0) session.skip(((now - atMs) * config.clockRateHz) / 1000);
    this.#numbers.atMs = now;
    return session;
  }

  audible(speaker: boolean, microphone: boolean, ducked: boolean): void {
    this.#ducked = ducked;
    this.#speaker = speaker;
    this.#microphone = microphone;
  }

  sendDigits(digits: string): number {
    return this.#digits.inBand ? this.#digits.send(digits) : (this.#session?.sendDigits(digits) ?? 0);
  }

  receive(now: number): void {
    this.saying.tapped?.fill(0);
    this.#news = 0;
    const session = this.#session;
    if (session === undefined) return;
    for (let i = 0; i < MAX_PER_TICK; i++) {
      const length = this.#rtp.receive(this.#datagram);
      if (length < 0) break;
      if (isDtls(this.#datagram, length)) this.#keying.receive('rtp', this.#datagram, length, now);
      else if (isRtcp(this.#datagram, length)) this.#receiveRtcp(session, this.#rtp, length, now);
      else this.#receiveRtp(session, length, now);
    }
    for (let i = 0; i < MAX_PER_TICK; i++) {
      const length = this.#rtcp.receive(this.#datagram);
      if (length < 0) break;
      if (isDtls(this.#datagram, length)) this.#keying.receive('rtcp', this.#datagram, length, now);
      else this.#receiveRtcp(session, this.#rtcp, length, now);
    }
    const insecure = this.#keying.tick(now);
    if (insecure !== undefined) this.#post({ type: 'insecure', stream: this.id, reason: insecure });
  }

  /** Adds the next 10 ms, times `volume`, to what the loudspeaker is to play. */
  hear(mixer: Mixer, volume: number, now: number): void {
    if (this.#session === undefined || this.#coding === undefined || !this.receives) return;
    const heard = this.#coding.listener.fill(this.#frame, this.#session.jitter, now);
    const digit = this.#digits.hear(this.#frame, now);
    if (digit !== undefined) this.#post({ type: 'digit', stream: this.id, digit });
    if (this.#speaker) this.saying.tapped?.set(this.#frame);
    // Who begins to talk is heard at once; what is interrupted fades, and fades in again.
    const goal = this.#speaker ? (this.#ducked ? DUCKED : 1) : 0;
    const gain = this.#fade.step(goal, !this.#begun) * volume;
    this.#begun ||= this.#speaker;
    if (gain > 0 || this.#gain > 0) mixer.add(this.#frame, 0, this.#frame.length, this.#gain, gain);
    this.#gain = gain;
    if (heard && this.#speaker && this.#firstSound === 'awaited') this.#firstSound = 'mixed';
  }

  /** The 10 ms that `hear` made, whether the loudspeaker has them or not. */
  get heard(): Int16Array | undefined {
    return this.receives && this.#coding !== undefined ? this.#frame : undefined;
  }

  /** The loudspeaker took the frame that `hear` added to. */
  played(): void {
    if (this.#firstSound !== 'mixed') return;
    this.#firstSound = 'told';
    this.#post({ type: 'first-sound', stream: this.id });
  }

  /** 10 ms of the microphone, or of what `say` was given; without `frame`, or when mute, silence is sent. */
  speak(frame: Int16Array | undefined, now: number): void {
    if (this.#session === undefined || this.#coding === undefined || !this.#reachable) return;
    this.#numbers.atMs = now;
    if (!this.sends) {
      // The time goes on while nothing is said, so that what is said later is not late.
      this.#session.skip(this.#config!.codec.clockRateHz / 100);
      if (now >= this.#keepAliveAtMs) this.#sendKeepAlive(this.#session, now);
      return;
    }
    const { talker } = this.#coding;
    const said = this.saying.next(frame, this.#microphone);
    talker.add(this.#digits.say() ?? said);
    for (let length = talker.next(this.#session); length > 0; length = talker.next(this.#session)) {
      const sealed = this.#shield.protect(talker.datagram, length);
      if (sealed > 0) this.#rtp.send(talker.datagram, sealed, this.#latch.target);
    }
  }

  /** The thread stood still for `ms`. */
  skip(ms: number): void {
    this.#session?.skip((ms * (this.#config?.codec.clockRateHz ?? 0)) / 1000);
  }

  /** RTCP, statistics and the alarm of silence, when they are due. */
  report(now: number): void {
    if (this.#session === undefined) return;
    if (this.#reachable && (this.#session.reportAtMs === undefined || now >= this.#session.reportAtMs)) {
      this.#sendReport(this.#session, now, false);
    }
    if (now >= this.#statisticsAtMs) {
      this.#statisticsAtMs = now + STATISTICS_MS;
      this.#post({ type: 'statistics', stream: this.id, statistics: this.statistics(), final: false });
    }
    const silentMs = now - this.#heardAtMs;
    if (this.receives && silentMs >= this.#silentToldMs + SILENT_MS) {
      this.#silentToldMs = silentMs;
      this.#post({ type: 'silent', stream: this.id, silentMs: Math.round(silentMs) });
    }
  }

  statistics(): StreamStatistics {
    return statisticsOf(this.#session, this.#coding, this.#shield.packetsRejected);
  }

  /** Says BYE and gives the ports back. */
  close(now: number): void {
    if (this.#session !== undefined && this.#reachable) this.#sendReport(this.#session, now, true);
    this.#post({ type: 'statistics', stream: this.id, statistics: this.statistics(), final: true });
    this.#keying.close();
    this.#rtp.close();
    this.#rtcp.close();
  }

  #receiveRtp(session: RtpSession, datagramBytes: number, now: number): void {
    // First of all: what is not authentic may not even say where its source is.
    const length = this.#shield.unprotect(this.#datagram, datagramBytes);
    if (length < 0) return;
    if (!parseRtp(this.#datagram, length, this.#header)) return;
    if (!this.#latch.accepts(this.#rtp.source, this.#header, now)) return;
    const again = this.#silentToldMs > 0;
    this.#heardAtMs = now;
    this.#silentToldMs = 0;
    if (!this.receives) return;
    const received = session.receive(this.#datagram, length, now);
    if (received === 'ignored') return this.#follow(now);
    this.#strangers = 0;
    if (received === 'noise') this.#coding?.listener.pause(this.#datagram, this.#header);
    else if (received === 'audio') this.#coding?.listener.resume();
    if (!this.#firstPacket || again) {
      this.#firstPacket = true;
      this.#post({ type: 'first-packet', stream: this.id });
    }
    if (received !== 'digit') return;
    for (const digit of session.digit) {
      if (++this.#news > MAX_NEWS) return;
      this.#digits.event(digit, now);
      this.#post({ type: 'digit', stream: this.id, digit });
    }
  }

  /** The other side may change to any codec of its answer, without a word (RFC 3264 §6.1). So do we: some take only what they send. */
  #follow(now: number): void {
    const config = this.#config!;
    const other = config.others?.find(({ received }) => received === this.#header.payloadType);
    if (other === undefined || ++this.#strangers < FOLLOW_PACKETS) return;
    this.#strangers = 0;
    try {
      this.configure(changedTo(other, config), now);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#config = { ...config, others: [] }; // a library that fails: it stays as it was
    }
  }

  #receiveRtcp(session: RtpSession, socket: UdpSocket, datagramBytes: number, now: number): void {
    if (!this.#latch.acceptsRtcp(socket.source)) return;
    const length = this.#shield.unprotectRtcp(this.#datagram, datagramBytes);
    if (length < 0) return;
    // In a pause nothing else says that somebody is there.
    if (this.#coding?.listener.pausing) this.#heardAtMs = now;
    if (session.receiveRtcp(this.#datagram, length, now) === 'bye' && ++this.#news <= MAX_NEWS)
      this.#post({ type: 'rtcp-bye', stream: this.id });
  }

  #sendKeepAlive(session: RtpSession, now: number): void {
    this.#keepAliveAtMs = now + KEEP_ALIVE_MS;
    this.#keepAlive[RTP_HEADER_BYTES] = NOISE_LEVEL;
    const length = session.send(this.#keepAlive, 1, 'noise');
    const sealed = this.#shield.protect(this.#keepAlive, length);
    if (sealed > 0) this.#rtp.send(this.#keepAlive, sealed, this.#latch.target);
  }

  #sendReport(session: RtpSession, now: number, bye: boolean): void {
    const report = session.report(now, bye);
    if (report === undefined) return;
    this.#report.set(report);
    const sealed = this.#shield.protectRtcp(this.#report, report.length);
    if (sealed < 0) return;
    if (this.#config?.muxed) {
      this.#rtp.send(this.#report, sealed, this.#latch.target);
      return;
    }
    const target = this.#rtcpTarget;
    if (this.#config?.remoteRtcp === undefined && this.#latch.latched) {
      target.copy(this.#latch.target);
      target.port = this.#latch.target.port + 1;
    }
    this.#rtcp.send(this.#report, sealed, target);
  }

  /** What came before anybody knew what it would be is old by now; playing it would only add delay. */
  #drain(now: number): void {
    for (const [component, socket] of [
      ['rtp', this.#rtp],
      ['rtcp', this.#rtcp],
    ] as const)
      for (let i = 0; i < MAX_STALE; i++) {
        const length = socket.receive(this.#datagram);
        if (length < 0) break;
        // Who offered hears the handshake before the answer that allows it (RFC 5763 §5).
        if (isDtls(this.#datagram, length)) this.#keying.receive(component, this.#datagram, length, now);
      }
  }
}
