/**
 * What the main thread sees of the sound: ports, streams, tones. The work is done on the media thread; nothing here waits.
 * Every call returns at once, and what happens later comes back as a `MediaEvent`.
 */
import type { CodecFormat } from '../audio/codec.ts';
import type { Audible, Country, LoudnessConfig } from '../audio/index.ts';
import type { DtlsRole } from '../rtp/dtls.ts';
import type { DtlsIdentity, Fingerprint } from '../rtp/identity.ts';
import type { SrtpKeys, SrtpSuite } from '../rtp/suites.ts';
import type { Measured } from './measure.ts';
import type { PageEvent, Pages } from './page-types.ts';

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export interface SocketAddress {
  /** IP literal, no brackets. */
  host: string;
  port: number;
}

/** An RTP codec as SDP names it. */
export interface Codec extends CodecFormat {
  /** Of the packets we send. */
  payloadType: number;
}

/** What offer/answer settled for one call. */
export interface StreamConfig {
  /** Ours: `recvonly` never opens the microphone. */
  direction: Direction;
  /** Where we send. With `recvonly` too: keep-alive and RTCP go there. */
  remote: SocketAddress;
  /** RTCP of the other side; absent: the RTP port + 1. */
  remoteRtcp?: SocketAddress;
  codec: Codec;
  /** telephone-event payload type (RFC 4733), when both sides have it. */
  dtmfPayloadType?: number;
  /** Of its durations, where that is not the clock of the codec. */
  dtmfClockRateHz?: number;
  /** How digits go and come; absent: as telephone-events, as tones where there are none. */
  digits?: DigitsConfig;
  /** Pauses need not be sent. */
  pauses?: boolean;
  /** RFC 3389: how a pause is marked, when both sides have it. */
  noisePayloadType?: number;
  /** Of what comes, where the other side numbers otherwise than we do (RFC 3264 §5.1); absent: the same numbers. */
  received?: { payloadType: number; dtmfPayloadType?: number };
  /** What we send per packet. */
  packetMs: number;
  /** What the other side may change to at any time, and is then followed; `received`: the number of its packets. */
  others?: readonly { codec: Codec; packetMs: number; received: number }[];
  /** `call`: adaptive jitter buffer 10..200 ms; `page`: fixed 60 ms. */
  buffer: { kind: 'adaptive'; minMs: number; maxMs: number } | { kind: 'fixed'; delayMs: number };
  /** RTCP comes and goes by the port of RTP (RFC 5761). */
  muxed?: boolean;
  /** The other side wants to know how it is heard (RFC 3611). */
  extendedReports?: boolean;
  /** Who was heard until now is not the one who is to be heard, even where `remote` is the same as before. */
  restart?: boolean;
  /** RFC 3711: what our packets are encrypted with, and theirs. Absent: neither is. Keys that stay the same go on as they are. */
  srtp?: { send: SrtpKeys; receive: SrtpKeys };
  /** RFC 5763: how to get such keys. Until they are there nothing is sent, and nothing heard. In place of `srtp`. */
  dtls?: DtlsConfig;
}

export interface DigitsConfig {
  /** Of each digit, and of the pause behind it. */
  durationMs: number;
  gapMs: number;
  /** Tones in what is heard are digits; `fallback`: where the other side has no telephone-events. */
  tones: 'never' | 'fallback' | 'always';
}

/** What stays the same is the same association, and its keys go on. */
export interface DtlsConfig {
  identity: DtlsIdentity;
  role: DtlsRole;
  /** The other side shows a certificate with one of these. */
  fingerprints: readonly Fingerprint[];
  /** RTCP comes and goes by the port of RTP (RFC 5761). */
  muxed: boolean;
  /** The other side's name for the association. */
  tlsId?: string;
}

/** One RTP/RTCP port pair, bound when opened, until `close`. */
export interface MediaStream {
  readonly id: string;
  readonly local: SocketAddress;
  /** Of one that is reserved: it is wanted now, by `call`. */
  begin(call?: string): void;
  /** Starts, or changes what runs. A stream starts mute: see `audible`. */
  configure(config: StreamConfig): void;
  /**
   * `speaker`: what arrives is played. `microphone`: what is heard is sent; otherwise silence is sent, the microphone stays
   * closed. `ducked`: 20 dB lower, for something else sounds.
   */
  audible(speaker: boolean, microphone: boolean, ducked?: boolean): void;
  /** As telephone-events, else as tones. */
  sendDigits(digits: string): void;
  /** Mono samples for the other side's ear, in place of the microphone, while the microphone is mute. One that plays is cut. */
  say(samples: Int16Array, rateHz: number): void;
  /** Both sides of it, from now to its end; both hear the tone `warning` first. */
  record(listener: RecordListener): void;
  close(): void;
}

/** Pieces of mono sound as they come; the last one, which may be empty, is `final`. */
export type RecordListener = (samples: Int16Array, rateHz: number, final: boolean) => void;

export type ToneName = 'ringback' | 'busy' | 'warning' | 'chime' | 'error';

export interface SoundStatus {
  driver: string;
  speaker: 'closed' | 'open' | 'fault';
  microphone: 'closed' | 'open' | 'fault';
  reason: string;
  /** How often the microphone was opened since the start: a page must leave it alone. */
  microphoneOpened: number;
  underruns: number;
  /** Real-time priority was granted. */
  realTime: boolean;
  /** As it was a second ago. */
  handsfree?: HandsfreeStatus;
}

/** Between the microphone and the far side. What is absent is not there, or not known yet. */
export interface HandsfreeStatus {
  /** `closed`: nobody is to hear the microphone. `half-duplex`: one side is turned down where the echo would disturb. */
  mode: 'closed' | 'off' | 'half-duplex' | 'full-duplex';
  /** Of the echo canceller: it has learned the room; what it takes off; when the echo comes; how the two clocks differ. */
  converged?: boolean;
  erleDb?: number;
  delayMs?: number;
  driftPpm?: number;
  /** What comes back from the loudspeaker, and is not cancelled. */
  couplingDb?: number;
  agcDb?: number;
  /** The noise of the place. */
  ambientDbfs?: number;
  /** Percent, as loud as the loudspeaker really is. */
  volume: number;
}

export interface HandsfreeConfig {
  /** `auto`: the canceller, and half duplex until it has learned the room; with a card only. */
  echo: 'auto' | 'canceller' | 'half-duplex' | 'off';
  /** `auto`: with a card only. */
  noiseSuppression: 'auto' | 'on' | 'off';
  agc: 'auto' | 'on' | 'off';
  loudness: LoudnessConfig;
  /** The microphone is opened this often, for its level alone; 0: never. */
  ambientSampleMs: number;
}

/** Of who says nothing about it. */
export function handsfreeDefaults(volume: number): HandsfreeConfig {
  const loudness = { volume, follow: false, min: 0, max: 100, quietDbfs: -60 };
  return { echo: 'auto', noiseSuppression: 'auto', agc: 'auto', loudness, ambientSampleMs: 0 };
}

export interface StreamStatistics {
  /** As SDP names it; absent: nothing was settled. */
  codec?: string;
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  packetsLate: number;
  /** Of an encrypted stream: not authentic, or heard before. Dropped, whatever they held. */
  packetsRejected: number;
  jitterMs: number;
  bufferMs: number;
  concealedMs: number;
  /** From RTCP of the other side, when it came. */
  roundTripMs?: number;
  /** How the other side is heard: a mean opinion score, 1..5, made of loss, lateness and delay (G.107). */
  score?: number;
  /** The same of the other side, and what it misses of ours (0..1), when it tells. */
  remoteScore?: number;
  remoteLoss?: number;
}

export type MediaEvent =
  | { type: 'digit'; stream: string; digit: string }
  /** The first packet of a stream, or after `silent`; and its first sample given to the loudspeaker. */
  | { type: 'first-packet'; stream: string }
  | { type: 'first-sound'; stream: string }
  /** Nothing has arrived for `silentMs` while something should. */
  | { type: 'silent'; stream: string; silentMs: number }
  /** DTLS has agreed on keys: from now on there is sound. */
  | { type: 'secured'; stream: string; suite: SrtpSuite; afterMs: number }
  /** It has not, and why; said again while it goes on trying. */
  | { type: 'insecure'; stream: string; reason: string }
  /** The other side said BYE in RTCP. */
  | { type: 'rtcp-bye'; stream: string }
  | { type: 'statistics'; stream: string; call?: string; statistics: StreamStatistics; final: boolean }
  | { type: 'sound'; status: SoundStatus }
  /** The mixer controls of the card: why one is not as it should be; empty: they are. */
  | { type: 'controls'; reason: string }
  | { type: 'played'; sound: string }
  /** Of the page that sounds, so far, where the configuration lets the microphone judge it. */
  | { type: 'audible'; audible: Audible }
  | { type: 'measured'; measure: string; measured: Measured }
  | PageEvent;

export interface MediaEngine {
  /** Binds a port pair on `localHost` (IP literal); `call` comes back with its statistics. Throws `MediaError` when none is free. */
  open(localHost: string, call?: string): MediaStream;
  /** As `open`, but nothing is heard or said before `begin`: a port for a call that may come. Closed, it was never there. */
  reserve(localHost: string): MediaStream;
  /** Loops until stopped, but `chime`, `warning` and `error`, which end by themselves. */
  tone(tone: ToneName, on: boolean): void;
  /** Mono samples at `rateHz`, mixed into the loudspeaker. Returns the sound's id; `played` follows. */
  play(samples: Int16Array, rateHz: number): string;
  stopPlaying(sound: string): void;
  /** Opens the microphone, and hands out what it hears until the function that comes back is called. */
  record(listener: RecordListener): () => void;
  /** 0 .. 100 */
  volume(percent: number): void;
  /** The most the loudspeaker may be, whatever the volume and the noise of the place; 0 .. 100, 100: no limit. */
  ceiling(percent: number): void;
  /** Which half of the sound card a coming call will want: opened ahead, so that the first word is not lost. */
  prepare(): void;
  /**
   * Plays a chirp at `levelDbfs` past the volume and listens to it; for when nothing else goes on, and whatever begins cuts it.
   * Returns its id; `measured` follows, always.
   */
  measure(levelDbfs: number): string;
  stopMeasuring(): void;
  /** Pages by multicast. */
  readonly pages: Pages;
  onEvent(listener: (event: MediaEvent) => void): void;
  status(): SoundStatus;
  /** Closes the cards and ends the thread; within 2 s whatever the driver does. */
  stop(): Promise<void>;
  /** After `stop`: a sound driver still holds a thread of this process. `process.exit` would wait for it; only SIGKILL does not. */
  readonly hung: boolean;
}

/** The slice of the configuration the media room needs. */
export interface MediaConfig {
  sound:
    | AlsaSoundConfig
    | { driver: 'file'; speaker?: string; microphone?: string; rateHz: number; periodMs: number }
    | { driver: 'none'; rateHz?: number };
  /** 0 .. 100 */
  volume: number;
  /** Whose telephones' tones sound; absent: those of most of Europe. */
  country?: Country;
  /** Absent: as `handsfreeDefaults` has it. */
  handsfree?: HandsfreeConfig;
  /** During one-way pages the microphone is opened to tell whether they are audible; nothing of it is sent or kept. */
  verifyPages?: boolean;
  /** UDP ports for RTP, even ones; undefined: any the system gives. */
  ports?: { from: number; to: number };
  /** What RTP and RTCP are marked with (RFC 2474); absent: EF, 46. */
  dscp?: number;
  /** Where it is kept what the mixer controls were before they were set; absent: nowhere. */
  mixerFile?: string;
}

export interface AlsaSoundConfig {
  driver: 'alsa';
  /** ALSA names, or `usb:1-1.2` for what is plugged in there. */
  speaker: string;
  microphone: string;
  rateHz: number;
  periodMs: number;
  /** Mixer controls by name, as they stand in the profile: `80%`, `-12dB`, `on`, `off`, an item's name. */
  controls?: Readonly<Record<string, string>>;
  /** In place of a card that fails. */
  fallback?: { speaker?: string; microphone?: string; controls?: Readonly<Record<string, string>> };
  /** The loudspeaker is let go of this long after its last use; 0: never. Default 5000. */
  releaseMs?: number;
}
