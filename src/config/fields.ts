/** The kinds of value a file can hold: how each is written, what it becomes, and the words for what was expected. */

import { isIP } from 'node:net';
import { z } from 'zod';
import type { HostPort } from '../sip/message/index.ts';

/** What every field of the schema carries; `reference` and the problems speak with it. */
export interface FieldMeta extends Record<string, unknown> {
  help?: string;
  expected?: string;
}

/** A problem in one field's own words. */
type Refuse = (message: string) => typeof z.NEVER;

/** A field written as text and turned into `T`. */
function written<T>(expected: string, parse: (text: string, refuse: Refuse) => T): z.ZodType<T, string> {
  return z
    .string()
    .transform((text, context): T => {
      return parse(text, (message) => {
        context.issues.push({ code: 'custom', message, input: text });
        return z.NEVER;
      });
    })
    .meta({ expected });
}

/** Says what a field is for. */
export function about<T extends z.ZodType>(help: string, schema: T): T {
  return schema.meta({ ...schema.meta(), help });
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1m30s` -> 90000; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const parts = text.match(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/) ? text.matchAll(/([\d.]+)(ms|[smhd])/g) : [];
  let ms: number | undefined;
  for (const [, amount, unit] of parts) ms = (ms ?? 0) + Number(amount) * UNIT_MS[unit];
  return ms === undefined ? undefined : Math.round(ms);
}

/** Becomes ms. `from` and `to` are durations too. `never`: the word for 0. */
export function duration(from: string, to: string, never?: string): z.ZodType<number, string> {
  const [fromMs, toMs] = [parseDuration(from), parseDuration(to)] as [number, number];
  return written(`a duration of ${from} to ${to}${never === undefined ? '' : `, or ${never}`}`, (text, refuse) => {
    if (text === never) return 0;
    const ms = parseDuration(text);
    if (ms === undefined) return refuse(`${JSON.stringify(text)} is no duration; one is written 30ms, 20s, 1m30s, 2h`);
    if (ms < fromMs) return refuse(`${text} is too short`);
    if (ms > toMs) return refuse(`${text} is too long`);
    return ms;
  });
}

/** Becomes minutes since midnight. */
export const timeOfDay = written('a time of day such as 22:00', (text, refuse) => {
  const [, hour, minute] = text.match(/^(\d{1,2}):(\d{2})$/) ?? [];
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59)
    return refuse(`${JSON.stringify(text)} is no time of day`);
  return 60 * Number(hour) + Number(minute);
});

/** `22:00-06:00`, over midnight where it must. */
export const hours = written('hours such as 22:00-06:00', (text, refuse) => {
  const [from, to] = text.split('-').map((part) => timeOfDay.safeParse(part.trim()));
  if (!from?.success || !to?.success || text.split('-').length !== 2 || from.data === to.data)
    return refuse(`${JSON.stringify(text)} are no hours`);
  return { fromMinute: from.data, toMinute: to.data };
});

export function integer(from: number, to: number): z.ZodType<number, number> {
  return z
    .int()
    .min(from)
    .max(to)
    .meta({ expected: `a whole number from ${from} to ${to}` });
}

export function text(expected: string): z.ZodType<string, string> {
  return z.string().min(1).meta({ expected });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number], T[number]> {
  return z.enum(values).meta({ expected: values.join(', ').replace(/, ([^,]*)$/, ' or $1') });
}

/** The name of a button, a plan, an account...: it ends up in topics and on command lines. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
export const NAME_EXPECTED = 'letters, digits, ".", "_" and "-", at most 64';

/** `0.0.0.0:5060`, `[::]:5060` */
export const hostPort: z.ZodType<HostPort, string> = written('IP:PORT, IPv6 as [IP]:PORT', (text, refuse) => {
  const [, v6, v4, port] = text.match(/^(?:\[(.*)\]|([^:]*)):(\d+)$/) ?? [];
  const host = v6 ?? v4 ?? '';
  if (isIP(host) !== (v6 === undefined ? 4 : 6)) return refuse(`${JSON.stringify(text)} is no IP address with a port`);
  if (Number(port) > 65_535) return refuse(`${port} is no port`);
  return { host, port: Number(port) };
});

/** A multicast group (RFC 5771, RFC 4291 §2.7) and a port. */
export const group: z.ZodType<HostPort, string> = hostPort
  .refine(({ host }) => /^(?:2(?:2[4-9]|3\d)\.|ff)/i.test(host), { error: 'this is no multicast group' })
  .meta({ expected: 'GROUP:PORT such as 239.255.0.10:5004 or [ff15::10]:5004' }) as z.ZodType<HostPort, string>;

/** One or several of them, as a list. */
export function listOf<T>(item: z.ZodType<T, string>): z.ZodType<T[], string | string[]> {
  return z.union([z.array(item).min(1), item.transform((one) => [one])]).meta({ ...item.meta() });
}

const SIP_URI =
  /^sips?:(?:([^@\s<>;?]+)@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?((?:;[^\s;?<>]+)*)$/;

/** What can be dialled or registered with: `sip:` over UDP, TCP or TLS, `sips:` over TLS. */
export const sipUri = written('a SIP URI such as sip:100@pbx.example.net', (text, refuse) => {
  const [, , , port, parameters] = text.match(SIP_URI) ?? [];
  if (parameters === undefined) return refuse(`${JSON.stringify(text)} is no SIP URI`);
  if (port !== undefined && Number(port) > 65_535) return refuse(`${port} is no port`);
  const transport = parameters.match(/;transport=([^;]*)/i)?.[1].toLowerCase();
  if (transport === undefined || transport === 'tcp' || transport === 'tls') return text;
  if (transport !== 'udp') return refuse(`transport=${transport} is not known`);
  // RFC 3261 §26.2.2: nobody may believe that a call is secret when it is not.
  return text.startsWith('sips:') ? refuse('sips: goes over TLS, and not over UDP') : text;
});

/** SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it, too; becomes 64 lower-case digits. */
export const fingerprint = written('sha256: and 64 hexadecimal digits', (text, refuse) => {
  const digits = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  const fits = /^sha256:/i.test(text) && /^[0-9a-f]{64}$/.test(digits);
  return fits ? digits : refuse(`${JSON.stringify(text)} is no SHA-256 fingerprint`);
});

/** `sip:USER@DOMAIN` */
export const addressOfRecord = written('sip:USER@DOMAIN', (text, refuse) => {
  if (/^sips?:[^@]+@?$/.test(text)) return refuse(`${JSON.stringify(text)} has no domain`);
  const [, user, , , parameters] = text.match(SIP_URI) ?? [];
  if (user === undefined) return refuse(`${JSON.stringify(text)} is no SIP address`);
  if (parameters !== '') return refuse('an address of record has no parameters; they belong to the servers');
  return text;
});

/** `sip:USER@HOST` with `*` for any run of characters. */
export const callerPattern = written('* or sip:USER@HOST, with * for any run of characters', (text, refuse) => {
  return text === '*' || /^sips?:[^@\s<>]+@[^@\s<>]+$/.test(text)
    ? text
    : refuse(`${JSON.stringify(text)} fits no caller`);
});

/** An IP address, or a prefix such as 10.0.0.0/8. */
export const addressRange = written('an IP address or a prefix such as 10.0.0.0/8', (text, refuse) => {
  const [, host, bits] = text.match(/^([^/]*)(?:\/(\d{1,3}))?$/) ?? [];
  const version = isIP(host ?? '');
  const fits = version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
  return fits ? text : refuse(`${JSON.stringify(text)} is no address or prefix`);
});

/** A host or domain as certificates name it, lower-case. */
export const identityPattern = written('a host, domain or address, with * for any run of characters', (text, refuse) =>
  /^[A-Za-z0-9*:._-]+$/.test(text) ? text.toLowerCase() : refuse(`${JSON.stringify(text)} is no name of a host`),
);

const DSCP: Readonly<Record<string, number>> = { ef: 46, 'voice-admit': 44, default: 0 };

/** RFC 2474, 2597, 3246, 5865: a name such as `ef`, `cs3`, `af31`, or a number. */
export const dscp = z
  .union([
    z.int().min(0).max(63),
    written('', (text, refuse) => {
      const [, kind, x, y = '0'] = text.toLowerCase().match(/^(cs|af)([1-7])([1-3])?$/) ?? [];
      if (kind === 'cs' && y === '0') return 8 * Number(x);
      if (kind === 'af' && y !== '0' && Number(x) <= 4) return 8 * Number(x) + 2 * Number(y);
      return DSCP[text.toLowerCase()] ?? refuse(`${JSON.stringify(text)} is no class of service`);
    }),
  ])
  .meta({ expected: 'ef, cs1 to cs7, af11 to af43, default, or a number from 0 to 63' });

/** UDP ports, `from-to`. */
export const portRange = written('two ports such as 20000-20199, four or more between them', (text, refuse) => {
  const [, from, to] = text.match(/^(\d{1,5})-(\d{1,5})$/) ?? [];
  if (from === undefined) return refuse(`${JSON.stringify(text)} is no range of ports`);
  const ports = { from: Number(from), to: Number(to) };
  // RFC 3550 §11: RTP has an even port, RTCP the next; a call that waits for another needs a second pair.
  if (ports.from < 1024 || ports.to > 65_535 || ports.to - ports.from < 3) return refuse(`${text} is not usable`);
  return ports;
});
