/** One call as this room knows it: the session at the user agent and the stream on the media thread. */

import type { DigitsConfig, Direction, MediaEngine, MediaStream } from '../media/types.ts';
import { type DtlsIdentity, fingerprintOf, SRTP_SUITES, type SrtpKeys, type SrtpSuite } from '../rtp/index.ts';
import {
  acceptAnswer,
  answerOffer,
  answerWithout,
  type CodecName,
  createOffer,
  type DtlsAgreed,
  type Encryption,
  endsSound,
  formatSdp,
  type LocalMedia,
  type Negotiated,
  parseSdp,
  type Sdp,
  type Security,
  soundHost,
  turnOffer,
} from '../sdp/index.ts';
import type { Hop } from '../sip/message/index.ts';
import type { Body } from '../sip/ua/types.ts';

/** How digits are sent. */
export type DtmfMethod = 'rfc4733' | 'info' | 'inband';

export interface CallsConfig {
  /** By preference. */
  codecs: readonly CodecName[];
  /** What we send per RTP packet. */
  packetMs: number;
  /** Of the sound card: more than it can play need not be sent to us. */
  soundRateHz?: number;
  /** Pauses need not be sent, either way. */
  pauses?: boolean;
  /** How long what arrives is held: in calls, and in those that only listen. */
  jitter?: { minMs: number; maxMs: number; pageMs: number };
  /** What each account asks; a call by none of them asks for nothing, but takes an encrypted offer. */
  encryption: Readonly<Record<string, Encryption>>;
  /** Where the keys of our offers come from; absent: SDP has them. */
  keys?: Readonly<Record<string, 'sdes' | 'dtls'>>;
  /** Who we are in DTLS, made when it is first asked for. Absent: there is no DTLS on this machine. */
  identity?(): DtlsIdentity;
  /** How each account wants our digits; absent: as telephone-events. */
  dtmf?: Readonly<Record<string, DtmfMethod>>;
  /** Their lengths, and whether tones in what is heard are digits. */
  digits?: DigitsConfig;
  /** Which of our addresses leads to that one. Absent: sound goes by the address of SIP. */
  source?(host: string): string | undefined;
  /** Fresh bytes for SRTP keys, of the kernel's randomness. */
  secretBytes(count: number): Uint8Array;
}

/** Where the config leaves it to us. */
const defaultJitter = { minMs: 10, maxMs: 200, pageMs: 60 } as const;

const sdpType = 'application/sdp';

/** Branches of a fork whose answer is kept. */
const BRANCHES_MAX = 16;

/** Offer/answer and the media it opens. Everything here is synchronous; the media thread does the work. */
export class Call {
  /** The terminal's name for it; of one that is only prepared, its own. */
  id: string;
  /** The user agent's: another one after each transfer, and that of a prepared call stays. */
  readonly session: string;
  readonly direction: 'outgoing' | 'incoming';
  /** The way back to the caller; of an incoming call only. */
  hop?: Hop;
  /** The account by whose server it goes: its encryption is asked for. */
  account?: string;
  /** The caller wants to acknowledge what we say before we answer (RFC 3262). */
  reliable = false;
  /** Their offer, not answered yet. */
  offered?: Body;
  answered = false;
  /** What it plays before it answers is heard. */
  early = false;
  stream?: MediaStream;
  /** Somebody wants it. */
  #begun = true;
  /** Whom the other side was asked to call in our place. */
  referredTo?: string;
  /** The other side does not listen: it put us on hold. */
  heldByPeer = false;
  /** It was silent for so long that it was asked whether it is there; monotonic ms. */
  doubtedAtMs?: number;

  readonly #media: MediaEngine;
  readonly #config: CallsConfig;
  readonly #sessionId: number;
  #version = 0;
  /** What both sides have agreed on. */
  #settled?: Negotiated;
  #wanted: Direction = 'sendrecv';
  /** Ours, not answered yet. */
  #offer?: Sdp;
  /** Our side as the other one has it, offer or answer. */
  #said?: Sdp;
  /** What we encrypt with. It stays while the suite stays: the same key begun anew would encrypt twice with one key stream. */
  #key?: SrtpKeys;
  /** Who is to show which certificate. */
  #dtls?: DtlsAgreed;
  #secured = false;
  /** What the branches of our INVITE have agreed on before one of them answers. */
  readonly #branches = new Map<string, Negotiated>();
  #speaker = false;
  #ducked = false;
  #microphone = false;
  #held = false;

  constructor(
    id: string,
    direction: 'outgoing' | 'incoming',
    media: MediaEngine,
    config: CallsConfig,
    sessionId: number,
    session: string = id,
  ) {
    this.id = id;
    this.session = session;
    this.direction = direction;
    this.#media = media;
    this.#config = config;
    this.#sessionId = sessionId;
  }

  /** Nobody wants it yet: it has a port, which nobody listens at. To be said before `makeOffer`. */
  prepare(): void {
    this.#begun = false;
  }

  /** Somebody wants it, by the name of `id`. */
  begin(id: string): void {
    this.id = id;
    this.#begun = true;
    this.stream?.begin(id);
  }

  /** Our offer as seen over `hop`: it opens the port that it names. Throws `MediaError` when there is none. */
  makeOffer(hop: Hop): Body {
    return this.#propose(createOffer(this.#local(hop, this.#settled?.remote.host), this.#said));
  }

  /** Our side as it is, once more (RFC 3264 §8: to the letter). Of a settled call only. */
  repeatOffer(): Body {
    return this.#propose(this.#said!);
  }

  /** Our side as `hold` left it. Of a settled call only. */
  turnOffer(): Body {
    return this.#propose(turnOffer(this.#said!, this.#direction, ++this.#version));
  }

  #propose(offer: Sdp): Body {
    this.#offer = this.#said = offer;
    return body(offer);
  }

  /** Our answer to `offer`, with the media it settles; a string is the reason why there is none. `direction`: the most we do. */
  makeAnswer(offer: Body, hop: Hop, direction: Direction, branch?: string): Body | string {
    this.#wanted = direction;
    const theirs = parseSdp(offer.bytes);
    if (endsSound(theirs) && this.#settled !== undefined) {
      this.#said = answerWithout(theirs, this.#local(hop));
      this.#pause();
      return body(this.#said);
    }
    const settled = answerOffer(theirs, this.#local(hop, soundHost(theirs)));
    if ('refused' in settled) return settled.refused;
    this.#said = settled.answer;
    if (branch !== undefined) this.#remember(branch, settled.stream);
    this.#configure(settled.stream);
    return body(settled.answer);
  }

  /**
   * What a branch of our INVITE answers before it takes the call: from now on it is what can be heard, as the latest to send one
   * (RFC 3960 §3). Our offer stands for the other branches, and for an answer that comes again with the 2xx.
   */
  takeEarly(answer: Body, branch: string): string | undefined {
    if (!this.#offer) return 'an answer came to no offer';
    const settled = acceptAnswer(this.#offer, parseSdp(answer.bytes));
    if ('refused' in settled) return settled.refused;
    this.#remember(branch, settled.stream);
    this.#configure(settled.stream);
    return undefined;
  }

  /** That branch takes the call, and `takeAnswer` hears nothing new: what it said before stands. */
  takeBranch(branch: string): string | undefined {
    const settled = this.#branches.get(branch);
    if (settled === undefined) return 'the 200 had no SDP answer';
    this.#offer = undefined;
    this.#configure(settled, this.#conclude(branch));
    return undefined;
  }

  #remember(branch: string, settled: Negotiated): void {
    if (this.#branches.has(branch) || this.#branches.size < BRANCHES_MAX) this.#branches.set(branch, settled);
  }

  /** The other side's answer to our offer; a string is the reason why it settles nothing. */
  takeAnswer(answer: Body, branch?: string): string | undefined {
    if (!this.#offer) return 'an answer came to no offer';
    const offer = this.#offer;
    const theirs = parseSdp(answer.bytes);
    this.#offer = undefined;
    // RFC 3264 §8.2: the sound has ended, not the call.
    if (this.#settled !== undefined && this.#branches.size === 0 && endsSound(theirs)) return void this.#pause();
    const settled = acceptAnswer(offer, theirs);
    if ('refused' in settled) return settled.refused;
    this.#configure(settled.stream, this.#conclude(branch));
    return undefined;
  }

  /** Nothing is sent and nothing heard until both sides agree on sound again. */
  #pause(): void {
    const host = this.#settled!.remote.host.includes(':') ? '::' : '0.0.0.0';
    const remote = { ...this.#settled!.remote, host };
    this.#configure({ ...this.#settled!, direction: 'inactive', heldByPeer: true, remote, remoteRtcp: undefined });
  }

  /** `branch` has taken the call. True: another one may have been heard until now, and is not to hear us. */
  #conclude(branch: string | undefined): boolean {
    const others = [...this.#branches.keys()].some((other) => other !== branch);
    this.#branches.clear();
    return others;
  }

  /** `recvonly` for a page: the microphone stays closed. To be said before `makeOffer`. */
  want(direction: Direction): void {
    this.#wanted = direction;
  }

  /** The most we do, where both sides have agreed already. */
  limit(direction: Direction): void {
    this.#wanted = direction;
    this.#sound();
  }

  /** Both sides have agreed on some sound. */
  get settled(): boolean {
    return this.#settled !== undefined;
  }

  get wanted(): Direction {
    return this.#wanted;
  }

  /** `microphone`: of no effect before both sides have answered, as nobody knows who would hear it. */
  listen(microphone: boolean, speaker = true): void {
    this.#speaker = speaker;
    this.#microphone = microphone;
    this.#sound();
  }

  /** True: the other side is to be told, by `turnOffer`. A page goes on being said, and is only not played. */
  hold(held: boolean): boolean {
    const told = this.settled && this.#wanted === 'sendrecv' && this.#held !== held;
    this.#held = held;
    this.#sound();
    return told;
  }

  /** It is to take the place of `old`: it may do as much, and is said to be held when that one is. */
  follow(old: Call): void {
    this.#wanted = old.#wanted;
    this.#held = old.#held;
  }

  /** It takes the place of `old`: what was open is open. True: the other side is to be told that it is held, or no more. */
  adopt(old: Call): boolean {
    this.#speaker = old.#speaker;
    this.#microphone = old.#microphone;
    const told = this.hold(old.#held);
    this.#sound();
    return told;
  }

  /** RFC 3264 §8.4. */
  get #direction(): Direction {
    if (!this.#held) return this.#wanted;
    return this.#wanted === 'sendrecv' ? 'sendonly' : this.#wanted;
  }

  close(): void {
    this.stream?.close();
    this.stream = undefined;
    this.#key = undefined;
    this.#dtls = undefined;
    this.#secured = false;
  }

  /** DTLS has agreed on keys, or is to begin anew. */
  secured(done: boolean): void {
    this.#secured = done;
  }

  /** What protects its sound now. */
  get encryption(): 'srtp' | 'dtls-srtp' | undefined {
    if (this.#dtls !== undefined) return this.#secured ? 'dtls-srtp' : undefined;
    return this.#key === undefined ? undefined : 'srtp';
  }

  /** Heard 20 dB lower. */
  duck(ducked: boolean): void {
    this.#ducked = ducked;
    this.#sound();
  }

  #sound(): void {
    // A page's microphone stays shut whatever else is asked: the one promise that may not hang on another room's care.
    const microphone = this.#microphone && this.answered && this.#wanted === 'sendrecv';
    this.stream?.audible(this.#speaker && !this.#held, microphone && !this.#held, this.#ducked);
  }

  /** `there`: where the sound goes, when that is known. */
  #local(hop: Hop, there?: string): LocalMedia {
    const host = this.#hostTo(hop, there);
    if (this.stream && this.stream.local.host !== host) this.close();
    this.stream ??= this.#begun ? this.#media.open(host, this.id) : this.#media.reserve(host);
    return {
      address: this.stream.local,
      codecs: this.#config.codecs,
      direction: this.#direction,
      packetMs: this.#config.packetMs,
      soundRateHz: this.#config.soundRateHz,
      pauses: this.#config.pauses,
      dtmf: this.dtmf !== 'inband',
      security: this.#security(),
      sessionId: this.#sessionId,
      version: ++this.#version, // RFC 3264 §8: one more each time it is said anew
    };
  }

  /** Of several addresses the one that leads there, unless SIP itself is bound to another than the system would choose. */
  #hostTo({ local, remote }: Hop, there: string | undefined): string {
    const { source } = this.#config;
    if (source === undefined || there === undefined || /^[0:.]+$/.test(there)) return local.host;
    const sameFamily = there.includes(':') === local.host.includes(':');
    if (sameFamily && (there === remote.host || source(remote.host) !== local.host)) return local.host;
    return source(there) ?? local.host;
  }

  #security(): Security {
    const { identity, keys } = this.#config;
    return {
      mode: this.#encryption,
      key: (suite) => this.#keyFor(suite),
      ...(identity && { dtls: () => fingerprintOf(identity()) }),
      // Keys that the other side has brought into a call stay where they are.
      ...(keys?.[this.account ?? ''] === 'dtls' && this.#key === undefined && { keys: 'dtls' }),
      ...(this.#dtls && { agreed: this.#dtls }),
    };
  }

  /** How digits of ours go, as its account wants them. */
  get dtmf(): DtmfMethod {
    return this.#config.dtmf?.[this.account ?? ''] ?? 'rfc4733';
  }

  get #encryption(): Encryption {
    return this.account === undefined ? 'none' : (this.#config.encryption[this.account] ?? 'none');
  }

  #keyFor(suite: SrtpSuite): SrtpKeys {
    if (this.#key?.suite === suite) return this.#key;
    const { keyBytes, saltBytes } = SRTP_SUITES[suite];
    return { suite, secret: Uint8Array.from(this.#config.secretBytes(keyBytes + saltBytes)) };
  }

  #configure(settled: Negotiated, restart = false): void {
    const { heldByPeer, dtls, ...stream } = settled;
    this.#settled = settled;
    this.heldByPeer = heldByPeer;
    this.#key = settled.srtp?.send;
    this.#dtls = dtls;
    const identity = dtls && this.#config.identity?.();
    const { minMs, maxMs, pageMs } = this.#config.jitter ?? defaultJitter;
    this.stream?.configure({
      ...stream,
      pauses: this.#config.pauses,
      digits: this.#config.digits,
      buffer: this.#wanted === 'recvonly' ? { kind: 'fixed', delayMs: pageMs } : { kind: 'adaptive', minMs, maxMs },
      ...(dtls && identity && { dtls: { ...dtls, identity } }),
      ...(restart && { restart }),
    });
    this.#sound();
  }
}

function body(sdp: Sdp): Body {
  return { contentType: sdpType, bytes: Buffer.from(formatSdp(sdp)) };
}
