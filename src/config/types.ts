/** What `loadConfig` hands out: the whole configuration, frozen, cut into the slices the rooms take. */

import type { LineConfig } from '../io/gpio/index.ts';
import type { PageGroup, Zone } from '../media/page-types.ts';
import type { DigitsConfig, MediaConfig } from '../media/types.ts';
import type { CodecName, Encryption } from '../sdp/index.ts';
import type { SelfTestConfig } from '../selftest/index.ts';
import type { HostPort } from '../sip/message/index.ts';
import type { TlsOptions } from '../sip/transport/index.ts';
import type { AccountConfig } from '../sip/ua/types.ts';
import type { TerminalConfig } from '../terminal/types.ts';

/** The hours of the local clock in which the loudspeaker is less loud. */
export interface NightConfig {
  /** Minutes since midnight; from the one to before the other, over midnight where it must. */
  fromMinute: number;
  toMinute: number;
  /** Percent, at most. */
  volume: number;
  /** From this priority on it is as loud as by day. */
  exceptPriority: number;
}

export interface DeviceConfig {
  /** What the profile calls itself. */
  name: string;
  /** The file of the profile. */
  file: string;
  buttons: Readonly<Record<string, LineConfig>>;
  outputs: Readonly<Record<string, LineConfig>>;
}

export interface SipConfig {
  listen: { udp: readonly HostPort[]; tcp: readonly HostPort[]; tls?: readonly HostPort[] };
  tls?: TlsOptions;
  oversize: 'tcp' | 'udp';
  /** RFC 2474. */
  dscp: number;
  /** How long one server may keep a call waiting while there is another one. */
  firstAnswerMs: number;
  accounts: readonly AccountConfig[];
  /** RFC 4028, s; 0: none is asked for. */
  sessionExpiresS: number;
  /** How many other targets a call is redirected to; 0: none. */
  redirects: number;
  /** Whom callers may prove to be: names and passwords. */
  users: Readonly<Record<string, string>>;
  /** In challenges of ours. */
  realm: string;
  strangers: 'refuse' | 'silent';
  /** Requests a second that are looked at, of one address. */
  rate: { stranger: number; known: number };
  /** Addresses and prefixes that may subscribe to our state. */
  watchers?: readonly string[];
}

export interface MqttConfig {
  /** `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`. */
  url: string;
  username?: string;
  password?: string;
  /** PEM text of the authorities to trust instead of the public ones. */
  ca?: string;
  /** Topic prefix without the last slash: `hailpoint/<id>`. */
  base: string;
  /** Home Assistant discovery prefix, absent: no discovery. */
  discovery?: string;
}

export interface WebConfig {
  listen: HostPort;
}

/** Something to be mended in a file, or (in `warnings`) to be known. */
export interface Problem {
  file: string;
  /** From 1. */
  line: number;
  /** `calls.control-room.steps[0].for`; empty for the file as a whole. */
  path: string;
  message: string;
  /** What would be right. */
  expected?: string;
}

export interface Config {
  /** The terminal's file, absolute. */
  file: string;
  terminal: TerminalConfig;
  device: DeviceConfig;
  sip: SipConfig;
  media: MediaConfig;
  night?: NightConfig;
  /** Multicast groups that are listened to, and those that may be paged. */
  pages: { groups: readonly PageGroup[]; zones: Readonly<Record<string, Zone>> };
  selftest: SelfTestConfig;
  /** What each account asks of its calls. */
  encryption: Readonly<Record<string, Encryption>>;
  /** Where the keys of its encrypted calls come from. */
  keys: Readonly<Record<string, 'sdes' | 'dtls'>>;
  /** How each account wants our digits. */
  dtmf: Readonly<Record<string, 'rfc4733' | 'info' | 'inband'>>;
  /** Their lengths, and whether tones in what is heard are digits. */
  digits: DigitsConfig;
  /** What recordings may take of the disk, what is left free there, and how long they are kept. */
  recordings: { maxBytes: number; freeBytes: number; keepMs: number };
  /** For texts that are spoken: a voice of espeak-ng. */
  voice: string;
  /** In the order of preference. */
  codecs: readonly CodecName[];
  /** What a packet is to hold. */
  packetMs: number;
  /** They need not be sent, either way. */
  pauses: boolean;
  /** How long what arrives is held: in calls, and in those that only listen. */
  jitter: { minMs: number; maxMs: number; pageMs: number };
  mqtt?: MqttConfig;
  web?: WebConfig;
  warnings: readonly Problem[];
}

export interface CheckedConfig {
  /** Absent when there are problems. */
  config?: Config;
  problems: readonly Problem[];
  warnings: readonly Problem[];
}
