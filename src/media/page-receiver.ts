/**
 * One multicast group in the media thread: its sockets, whom it listens to, and his sound. One page at a time: the first who pages
 * has the group until he is done. What is heard of it, and how loud, others decide.
 */
import { type Mixer, makeDecoder, volumeGain } from '../audio/index.ts';
import {
  formatOfType,
  Playout,
  PolyPacket,
  parseLinksys,
  parsePoly,
  polyCaller,
  type RtpFormat,
  wallOfNtp,
} from '../page/index.ts';
import { isRtcp, parseRtcp, parseRtp, RtpHeader, type SenderReport } from '../rtp/index.ts';
import type { KernelClock } from '../rtp/multicast.ts';
import { SocketName, UdpSocket } from '../rtp/socket.ts';
import { Allowed } from './allowed.ts';
import type { CardClock } from './card-clock.ts';
import { DUCKED, Fade } from './fade.ts';
import type { Level, PageEvent, PageGroup, PageStatistics } from './page-types.ts';

const MAX_PER_TICK = 64;
const MAX_DATAGRAM_BYTES = 2048;
/** Another sender is listened to when the one there is has been quiet for so long. */
const QUIET_MS = 60;
/** The same for another talker behind the same address; or after so many of his packets in a row. */
const IN_A_ROW = 3;
/** What comes of a page after its end is no new page. */
const AFTERMATH_MS = 1000;
/** Pages that begin one right after the other; then one in so long. Each is told of, on disk too: a sender that flaps must not fill it. */
const MAX_PAGES = 10;
const PAGE_EVERY_MS = 2000;
/** Of those who are refused, one is told of so often at most, and the same one so often. */
const REFUSED_EVERY_MS = 5000;
const REFUSED_AGAIN_MS = 60_000;
/** A packet has not waited for longer than this. */
const MAX_AGE_MS = 5000;
/** Nor did it come later than the tick that found it began. */
const MAX_AHEAD_MS = 100;

export interface GroupSockets {
  /** Of the group. */
  sound: number;
  /** RTCP of `rtp`, control packets of `linksys`. */
  beside?: number;
}

interface Page {
  id: string;
  /** SSRC, or serial number. */
  talker: number;
  format: RtpFormat | undefined;
  playout: Playout | undefined;
  lastMs: number;
  /** Of the talker alone; and packets since of another one behind the same address. */
  talkerMs: number;
  others: number;
  /** The sender has said that it is over. */
  said: boolean;
}

export class PageReceiver {
  readonly #group: PageGroup;
  readonly #sockets: GroupSockets;
  readonly #sound: UdpSocket;
  readonly #beside: UdpSocket | undefined;
  readonly #allowed: Allowed | undefined;
  readonly #rateHz: number;
  readonly #clock: KernelClock;
  readonly #post: (event: PageEvent) => void;
  readonly #name: () => string;
  readonly #datagram = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #header = new RtpHeader();
  readonly #poly = new PolyPacket();
  readonly #frame: Int16Array;
  readonly #fade = new Fade();
  readonly #source = new SocketName();
  readonly #past = new SocketName();
  readonly #refused = new SocketName();
  #pastTalker = 0;
  #pastUntilMs = Number.NEGATIVE_INFINITY;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #page: Page | undefined;
  /** How many may begin at `#allowanceAtMs`. */
  #allowance = MAX_PAGES;
  #allowanceAtMs = Number.NEGATIVE_INFINITY;
  /** Of a sender that is not heard yet. */
  #report: SenderReport | undefined;
  #level: Level = 'off';
  #begun = false;
  #forgotten = false;
  #breaks = Number.NaN;
  #volume = 0;
  /** Time of day less our own clock. */
  #wallAheadMs = 0;

  /** `name`: makes the names of pages. */
  constructor(
    group: PageGroup,
    sockets: GroupSockets,
    rateHz: number,
    clock: KernelClock,
    name: () => string,
    post: (event: PageEvent) => void,
  ) {
    this.#group = group;
    this.#sockets = sockets;
    this.#sound = new UdpSocket(sockets.sound);
    this.#beside = sockets.beside === undefined ? undefined : new UdpSocket(sockets.beside);
    this.#allowed = group.from === undefined ? undefined : new Allowed(group.from);
    this.#rateHz = rateHz;
    this.#clock = clock;
    this.#name = name;
    this.#post = post;
    this.#frame = new Int16Array(rateHz / 100);
  }

  /** Somebody pages, and nobody has said that he is not to be heard. */
  get active(): boolean {
    return this.#page !== undefined && !this.#forgotten;
  }

  /** Somebody pages, heard or not. */
  get playing(): boolean {
    return this.#page !== undefined;
  }

  owns(page: string): boolean {
    return this.#page?.id === page;
  }

  level(level: Level): void {
    this.#level = level;
  }

  forget(): void {
    this.#forgotten = true;
    this.#level = 'off';
  }

  /** `wallAheadMs`: the time of day less `now`; `wasSet`: somebody has set it since the last look. */
  receive(now: number, wallAheadMs: number, wasSet: boolean): void {
    this.#wallAheadMs = wallAheadMs;
    for (let i = 0; i < MAX_PER_TICK; i++) {
      const length = this.#sound.receive(this.#datagram);
      if (length < 0) break;
      const stampedMs = this.#clock.received(this.#sockets.sound) - wallAheadMs;
      // What waited while the thread began, or stood still, came when the kernel says: all who hear it agree on that.
      const known = !wasSet && stampedMs > now - MAX_AGE_MS && stampedMs < now + MAX_AHEAD_MS;
      const arrivalMs = known ? stampedMs : now;
      if (this.#group.format === 'poly') this.#receivePoly(length, arrivalMs);
      else this.#receiveRtp(length, arrivalMs);
    }
    for (let i = 0; i < MAX_PER_TICK && this.#beside !== undefined; i++) {
      const length = this.#beside.receive(this.#datagram);
      if (length < 0) break;
      if (this.#group.format === 'linksys') this.#receiveControl(this.#beside.source, length, now);
      else this.#receiveReport(this.#beside.source, length);
    }
    this.#judge(now);
  }

  /** Adds the next 10 ms, times `volume`, to what the loudspeaker is to play. */
  hear(mixer: Mixer, volume: number, card: CardClock, mixerMs: number): void {
    const playout = this.#page?.playout;
    const sounds = playout !== undefined && !Number.isNaN(card.nextMs);
    if (sounds) {
      if (card.breaks !== this.#breaks) playout.realign(card.delayMs + mixerMs);
      this.#breaks = card.breaks;
      playout.fill(this.#frame, card.nextMs + mixerMs, this.#wallAheadMs);
    }
    const before = this.#fade.gain * this.#volume;
    const goal = this.#level === 'full' ? 1 : this.#level === 'ducked' ? DUCKED : 0;
    // Who begins is heard at once: a fade would take the first word.
    this.#fade.step(playout === undefined ? 0 : goal, !this.#begun && goal > 0);
    if (goal > 0 && playout !== undefined) this.#begun = true;
    this.#volume = volume * volumeGain(this.#group.volume);
    const after = this.#fade.gain * this.#volume;
    if (sounds && (before > 0 || after > 0)) mixer.add(this.#frame, 0, this.#frame.length, before, after);
  }

  close(): void {
    this.#sound.close();
    this.#beside?.close();
  }

  // ---------------------------------------------------------------- what comes

  #receiveRtp(length: number, arrivalMs: number): void {
    const { source } = this.#sound;
    if (isRtcp(this.#datagram, length)) return this.#receiveReport(source, length);
    const header = this.#header;
    if (!parseRtp(this.#datagram, length, header)) return;
    const { payloadType } = header;
    const current = this.#page;
    if (current?.format?.payloadType !== payloadType && formatOfType(payloadType, this.#group.codec) === undefined) {
      // Nothing is interrupted by what cannot be heard. Who is heard already lets us know that he pauses, or presses digits.
      if (current?.format !== undefined && source.same(this.#source)) current.lastMs = arrivalMs;
      else if (this.#mayBegin(source, arrivalMs))
        this.#refuse(source, `payload type ${payloadType} is not known`, arrivalMs);
      return;
    }
    const page = this.#pageOf(source, header.ssrc, arrivalMs, undefined);
    if (page === undefined) return;
    if (page.talker !== header.ssrc) {
      // Two pages that one relay sends at once would both be in pieces.
      if (arrivalMs - page.talkerMs < QUIET_MS && ++page.others < IN_A_ROW) return;
      // The same sender with a new name: its counts are new, too.
      page.talker = header.ssrc;
      page.playout?.restart();
    }
    page.talkerMs = arrivalMs;
    page.others = 0;
    if (page.format?.payloadType !== payloadType) this.#use(page, formatOfType(payloadType, this.#group.codec));
    page.playout?.put(header.rtpTimestamp, this.#datagram, header.payloadOffset, header.payloadLength, arrivalMs);
    if (this.#report !== undefined) this.#useReport();
  }

  #receivePoly(length: number, arrivalMs: number): void {
    const { source } = this.#sound;
    const packet = this.#poly;
    if (!parsePoly(this.#datagram, length, packet)) return;
    const { channel } = this.#group;
    if (channel !== undefined && channel !== packet.channel) return;
    const talker = packet.serial ^ (packet.channel << 24);
    if (packet.kind === 'end') {
      if (this.#page !== undefined && this.#page.talker === talker && source.same(this.#source)) this.#page.said = true;
      return;
    }
    if (packet.kind === 'audio' && packet.codec === undefined && this.#page?.talker !== talker) {
      if (this.#mayBegin(source, arrivalMs)) this.#refuse(source, 'its codec is not known', arrivalMs);
      return;
    }
    const page = this.#pageOf(source, talker, arrivalMs, this.#datagram);
    if (page === undefined || packet.kind === 'alert') return;
    if (packet.codec === undefined) return this.#refuse(source, 'its codec is not known', arrivalMs);
    if (page.format?.encoding !== packet.codec)
      this.#use(page, formatOfType(packet.codec === 'G722' ? 9 : 0, undefined));
    const { playout } = page;
    if (playout === undefined) return;
    const { sampleCount, frameOffset, frameLength, beforeOffset, beforeLength } = packet;
    playout.put(sampleCount, this.#datagram, frameOffset, frameLength, arrivalMs);
    if (beforeLength === 0) return;
    // A byte is a tick in both codecs.
    playout.put((sampleCount - beforeLength) >>> 0, this.#datagram, beforeOffset, beforeLength, arrivalMs, true);
  }

  #receiveControl(source: SocketName, length: number, now: number): void {
    const control = parseLinksys(this.#datagram, length);
    if (control === undefined) return;
    const { host, port } = this.#group.group;
    if (control.group !== undefined && (control.group.host !== host || control.group.port !== port)) return;
    // The sound comes from another port than the control packets.
    const here = this.#page !== undefined && source.sameHost(this.#source);
    if (control.command === 'stop') {
      if (here) this.#page!.said = true;
    } else if (!here && this.#mayBegin(source, now)) this.#begin(source, 0, now, undefined);
  }

  #receiveReport(source: SocketName, length: number): void {
    const page = this.#page;
    if (page !== undefined && !source.sameHost(this.#source)) return;
    if (page === undefined && this.#allowed?.has(source) === false) return;
    const report = parseRtcp(this.#datagram, length);
    if (report === undefined) return;
    // It may come before the first packet does.
    if (report.sender !== undefined) this.#report = report.sender;
    this.#useReport();
    if (page !== undefined && report.bye.includes(page.talker)) page.said = true;
  }

  #useReport(): void {
    const report = this.#report;
    const playout = this.#page?.playout;
    if (report === undefined || playout === undefined || report.ssrc !== this.#page?.talker) return;
    this.#report = undefined;
    const wallMs = wallOfNtp(report.ntpSeconds, report.ntpFraction, this.#clock.now());
    playout.report(report.rtpTimestamp, wallMs);
  }

  // ---------------------------------------------------------------- whose it is

  /** The page that a packet of `talker` belongs to; it may be the first of a new one. `named`: a packet of `poly`. */
  #pageOf(source: SocketName, talker: number, now: number, named: Uint8Array | undefined): Page | undefined {
    const page = this.#page;
    const awaited = page !== undefined && page.format === undefined && this.#group.format === 'linksys';
    const here = page !== undefined && (awaited ? source.sameHost(this.#source) : source.same(this.#source));
    // One telephone may page on two channels at once.
    if (here && (named === undefined || page.talker === talker)) {
      if (awaited) {
        this.#source.copy(source);
        page.talker = talker;
      }
      page.lastMs = now;
      return page;
    }
    if (page !== undefined && now - page.lastMs < QUIET_MS) return undefined;
    if (now < this.#pastUntilMs && talker === this.#pastTalker && source.same(this.#past)) return undefined;
    if (!this.#mayBegin(source, now)) return undefined;
    if (page !== undefined) this.#over('another', now);
    return this.#begin(source, talker, now, named === undefined ? undefined : polyCaller(named));
  }

  #mayBegin(source: SocketName, now: number): boolean {
    this.#allowance = Math.min(MAX_PAGES, this.#allowance + (now - this.#allowanceAtMs) / PAGE_EVERY_MS);
    this.#allowanceAtMs = now;
    const stranger = this.#allowed?.has(source) === false;
    if (!stranger && this.#allowance >= 1) return true;
    this.#refuse(source, stranger ? 'it is not among those who may page here' : 'pages begin too often here', now);
    return false;
  }

  #begin(source: SocketName, talker: number, now: number, caller: string | undefined): Page {
    this.#allowance--;
    this.#source.copy(source);
    this.#level = 'off';
    this.#begun = false;
    this.#forgotten = false;
    const page: Page = {
      ...{ id: this.#name(), talker, format: undefined, playout: undefined },
      ...{ lastMs: now, talkerMs: now, others: 0, said: false },
    };
    this.#page = page;
    const named = caller === undefined || caller === '' ? {} : { caller };
    this.#post({ type: 'page-begun', page: page.id, group: this.#group.name, from: source.host, ...named });
    return page;
  }

  #use(page: Page, format: RtpFormat | undefined): void {
    page.format = format;
    if (format === undefined) return;
    try {
      const decoder = makeDecoder(format, this.#rateHz);
      const { clockRateHz } = format;
      this.#breaks = Number.NaN;
      const { delayMs, sync } = this.#group;
      page.playout = new Playout({ decoder, clockRateHz, rateHz: this.#rateHz, delayMs, sync });
    } catch (error) {
      page.playout = undefined;
      this.#refuse(this.#source, (error as Error).message, page.lastMs);
    }
  }

  #refuse(source: SocketName, reason: string, now: number): void {
    const againMs = source.sameHost(this.#refused) ? REFUSED_AGAIN_MS : REFUSED_EVERY_MS;
    if (now - this.#refusedAtMs < againMs) return;
    this.#refusedAtMs = now;
    this.#refused.copy(source);
    this.#post({ type: 'page-refused', group: this.#group.name, from: source.host, reason });
  }

  #judge(now: number): void {
    const page = this.#page;
    if (page === undefined) return;
    const playedOut = page.playout === undefined || page.playout.playedOut;
    if (page.said && playedOut) this.#over('said', now);
    else if (now - page.lastMs >= this.#group.silenceMs && playedOut) this.#over('silence', now);
  }

  #over(reason: 'silence' | 'said' | 'another', now: number): void {
    const page = this.#page;
    if (page === undefined) return;
    this.#page = undefined;
    this.#past.copy(this.#source);
    this.#pastTalker = page.talker;
    this.#pastUntilMs = now + (reason === 'said' ? AFTERMATH_MS : 0);
    this.#fade.gain = 0;
    this.#post({ type: 'page-over', page: page.id, reason, statistics: this.#statistics(page) });
  }

  #statistics({ playout }: Page): PageStatistics {
    const bySender = this.#group.sync === 'clock' && playout?.reported === true && !playout.strange(this.#wallAheadMs);
    return {
      packetsReceived: playout?.packetsReceived ?? 0,
      packetsLate: playout?.packetsLate ?? 0,
      lostMs: Math.round(playout?.lostMs ?? 0),
      delayMs: playout?.delayMs ?? 0,
      clock: bySender ? 'sender' : 'arrival',
    };
  }
}
