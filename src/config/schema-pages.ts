/** Pages by multicast: the groups we listen to, and the zones we page. */
import { z } from 'zod';
import type { PageGroup, Zone } from '../media/page-types.ts';
import type { MulticastRule, ZoneRule } from '../terminal/types.ts';
import { about, addressRange, duration, group, integer, listOf, oneOf, text } from './fields.ts';
import { interrupted, priority } from './schema-terminal.ts';

const LINKSYS_CONTROL_PORT = 6061;
/** What Polycom telephones call page group 1. */
const POLY_PAGE_1 = 26;

const flag = z.boolean().prefault(false).meta({ expected: 'true or false' });
const format = about(
  'How the stream is packed: plain RTP, as Polycom telephones do, or as Linksys and Cisco SPA do.',
  oneOf(['rtp', 'poly', 'linksys']).prefault('rtp'),
);
const codec = oneOf(['pcmu', 'pcma', 'g722', 'l16', 'opus']);
const channel = integer(1, 50);
const control = about('linksys: where control packets go; default: port 6061 of the group.', group.optional());
const networkInterface = (what: string) =>
  about(`Name of a network interface; default: ${what}.`, text('a network interface such as eth0').optional());

/** What can be said in two ways that do not go together. */
const fits = <T extends { format: string; codec?: string }>({ format, codec }: T): boolean =>
  codec === undefined ||
  format === 'rtp' ||
  codec === 'pcmu' ||
  (format === 'poly' ? codec === 'g722' : codec === 'pcma');
const misfit = { error: 'that format does not carry this codec', path: ['codec'] };

export const multicast = z
  .strictObject({
    listen: about('Group and port.', group),
    format,
    priority: about('1 (lowest) to 10.', priority.prefault(5)),
    codec: about('What RTP of a dynamic payload type (96 to 127) holds; l16: 16 kHz, mono.', codec.optional()),
    from: about(
      'Who may page: addresses and prefixes; default: anybody the network lets through.',
      listOf(addressRange).optional(),
    ),
    volume: about("Percent of the loudspeaker's volume.", integer(0, 100).prefault(100)),
    chime: about('A chime sounds with the first word.', flag),
    channel: about('poly: only this channel; page groups 1 to 25 are 26 to 50.', channel.optional()),
    delay: about(
      'How long the sound waits for its turn: from the fastest packets, or with sync: clock from when it was taken.',
      duration('0ms', '2s').prefault('60ms'),
    ),
    sync: about(
      'By what loudspeakers keep in step: the arrival of packets, or the clock of the sender, when that and ours are set by NTP.',
      oneOf(['arrival', 'clock']).prefault('arrival'),
    ),
    silence: about('A page is over when nothing has come for so long.', duration('200ms', '60s').prefault('1s')),
    interrupted: about('What a higher priority does to this page.', interrupted.prefault('hold')),
    interface: networkInterface('every one that is up'),
    control,
  })
  .refine(fits, misfit);

export const zone = z
  .strictObject({
    send: about('Group and port.', group),
    format,
    codec: about('What is sent; linksys: pcmu or pcma.', codec.optional()),
    ttl: about('How many routers it may pass, and one.', integer(1, 255).prefault(1)),
    interface: networkInterface("the route's"),
    chime: about('A chime is sent first; the voice of a call is not kept back by it.', flag),
    channel: about('poly: the channel; page groups 1 to 25 are 26 to 50.', channel.prefault(POLY_PAGE_1)),
    priority: about('Of messages by button or command: who has the zone.', priority.prefault(5)),
    control,
  })
  .refine(fits, misfit);

export function groupsOf(entries: readonly z.output<typeof multicast>[]): {
  groups: PageGroup[];
  rules: MulticastRule[];
} {
  const groups: PageGroup[] = [];
  const rules: MulticastRule[] = [];
  for (const { listen, delay, silence, priority, interrupted, chime, ...rest } of entries) {
    const place = listen.host.includes(':') ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`;
    const name = rest.format === 'poly' && rest.channel !== undefined ? `${place} channel ${rest.channel}` : place;
    const again = groups.filter((other) => other.name === name || other.name.startsWith(`${name} (`)).length;
    const unique = again === 0 ? name : `${name} (${again + 1})`;
    const { control = { host: listen.host, port: LINKSYS_CONTROL_PORT } } = rest;
    groups.push({ ...rest, name: unique, group: listen, delayMs: delay, silenceMs: silence, control });
    rules.push({ group: unique, priority, interrupted, chime });
  }
  return { groups, rules };
}

export function zonesOf(
  entries: Readonly<Record<string, z.output<typeof zone>>>,
  caller: string,
): { zones: Record<string, Zone>; rules: Record<string, ZoneRule> } {
  const zones: Record<string, Zone> = {};
  const rules: Record<string, ZoneRule> = {};
  for (const [name, { send, ttl, priority, codec, ...rest }] of Object.entries(entries)) {
    const { control = { host: send.host, port: LINKSYS_CONTROL_PORT } } = rest;
    const chosen = codec ?? (rest.format === 'linksys' ? 'pcmu' : 'g722');
    zones[name] = { ...rest, codec: chosen, group: send, hops: ttl, caller, control };
    rules[name] = { priority };
  }
  return { zones, rules };
}
