/** What the main thread says and hears of pages by multicast. */
import type { PageCodec } from '../page/index.ts';
import type { PagesHandle } from './pages.ts';
import type { SocketAddress } from './types.ts';

export type PageFormat = 'rtp' | 'poly' | 'linksys';

/** A group that is listened to. */
export interface PageGroup {
  /** As people know it: `239.255.0.10:5004`. */
  name: string;
  group: SocketAddress;
  format: PageFormat;
  /** What dynamic payload types stand for. */
  codec?: PageCodec;
  /** Addresses and prefixes of who may page; absent: anybody. */
  from?: readonly string[];
  /** Of the loudspeaker's volume, percent. */
  volume: number;
  /** From the fastest packets (or, with `clock`, from when the sound was taken) to the loudspeaker. */
  delayMs: number;
  /** `clock`: the sender's reports say when it was taken, and the clocks of both are set by NTP. */
  sync: 'arrival' | 'clock';
  /** So long without a packet is the end. */
  silenceMs: number;
  /** `poly`: absent: all. */
  channel?: number;
  /** Name; absent: every one that is up. */
  interface?: string;
  /** `linksys`: where the control packets come. */
  control?: SocketAddress;
}

/** A group that is paged. */
export interface Zone {
  group: SocketAddress;
  format: PageFormat;
  codec: PageCodec;
  hops: number;
  interface?: string;
  chime: boolean;
  /** `poly` */
  channel: number;
  caller: string;
  /** `linksys` */
  control: SocketAddress;
}

/** `ducked`: 20 dB less. */
export type Level = 'off' | 'ducked' | 'full';

export interface PageStatistics {
  packetsReceived: number;
  packetsLate: number;
  /** Missing for good: made up. */
  lostMs: number;
  /** What was asked for, or more where the card alone takes as long. */
  delayMs: number;
  /** What decided when it sounded. */
  clock: 'arrival' | 'sender';
}

export type PageEvent =
  /** Somebody pages; it is heard when `level` says so. `caller`: the name the sender gives. */
  | { type: 'page-begun'; page: string; group: string; from: string; caller?: string }
  /** `said`: the sender said so. `another`: somebody else pages there. */
  | { type: 'page-over'; page: string; reason: 'silence' | 'said' | 'another'; statistics: PageStatistics }
  | { type: 'page-refused'; group: string; from: string; reason: string }
  /** All of a page of ours is on the wire, or it could not be sent. */
  | { type: 'page-sent'; page: string; reason?: string };

/** The handle on all of it. */
export type Pages = Pick<PagesHandle, keyof PagesHandle>;
