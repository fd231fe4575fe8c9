/** SIP as engineers draw it: a ladder for each call, time at the left, one rung a message. Nothing stands here as it came. */
import { Buffer } from 'node:buffer';
import { CodedError, printable } from '../base/index.ts';
import { parseSdp } from '../sdp/index.ts';
import { parseMessage, type SipMessage } from '../sip/message/index.ts';
import type { Recorded } from '../trace/index.ts';

/** Between two uprights, characters. */
const RUNG = 34;
const TIME = 14;
/** Other sides with an upright of their own; the further ones share the last. */
const SIDES_MAX = 3;

interface Rung {
  recorded: Recorded;
  /** Absent: it cannot be read. */
  message?: SipMessage;
}

const read = (recorded: Recorded): Rung => {
  try {
    return { recorded, message: parseMessage(Buffer.from(recorded.message, 'base64')) };
  } catch {
    return { recorded };
  }
};

/** All that belongs to one Call-ID together, in the order of their first message; each registration is one, too. */
export function ladders(all: readonly Recorded[]): string[] {
  const calls = new Map<string, Rung[]>();
  for (const recorded of all) {
    const rung = read(recorded);
    const key = rung.message?.header('Call-ID') ?? `? ${place(recorded)}`;
    calls.set(key, [...(calls.get(key) ?? []), rung]);
  }
  return [...calls.values()].flatMap((rungs, index) => [...(index > 0 ? [''] : []), ...ladder(rungs)]);
}

function ladder(rungs: readonly Rung[]): string[] {
  const sides: string[] = [];
  for (const { recorded } of rungs) {
    const side = place(recorded);
    if (!sides.includes(side)) sides.push(side);
  }
  const column = (recorded: Recorded): number => Math.min(sides.indexOf(place(recorded)), SIDES_MAX - 1);
  const shown = sides.slice(0, SIDES_MAX);
  const us = [...new Set(rungs.map(({ recorded: { local } }) => at(local)))].join(', ');
  const begin = rungs[0].recorded.timeMs;
  const lines = [
    ...title(rungs),
    `${' '.repeat(TIME)}${us.padEnd(RUNG)}${shown.map((side) => side.padEnd(RUNG)).join('')}`.trimEnd(),
  ];
  for (const { recorded, message } of rungs) {
    const time = clock(recorded.timeMs).padEnd(TIME);
    const after = `+${Math.round(recorded.timeMs - begin)} ms`;
    const arrow = rung(labelOf(message, recorded), recorded.direction, column(recorded), shown.length);
    lines.push(`${time}${arrow}  ${[after, detail(message, recorded)].filter(Boolean).join('  ')}`);
  }
  return lines;
}

/** `|-- INVITE ------>|`, from our upright to that of the other side, crossing those between. */
function rung(label: string, direction: 'in' | 'out', column: number, columns: number): string {
  const width = RUNG * (column + 1) - 1;
  const text = ` ${label.slice(0, width - 8)} `;
  const line = direction === 'out' ? `--${text}`.padEnd(width - 1, '-') : `${text}--`.padStart(width - 1, '-');
  const uprights = `${' '.repeat(RUNG - 1)}|`.repeat(columns - column - 1);
  return `|${direction === 'out' ? `${line}>` : `<${line}`}|${uprights}`;
}

function title(rungs: readonly Rung[]): string[] {
  const first = rungs.find(({ message }) => message?.kind === 'request') ?? rungs.find(({ message }) => message);
  const { message } = first ?? {};
  if (message === undefined) return ['What cannot be read'];
  const header = (name: string): string => clean(message.header(name) ?? '');
  const begins =
    message.kind === 'request' ? `${message.method} ${message.uri}` : `${message.status} to ${message.header('CSeq')}`;
  return [`${clean(begins)}`, `  from ${header('From')} to ${header('To')}, Call-ID ${header('Call-ID')}`];
}

/** One line a message, for who follows. */
export function line(recorded: Recorded): string {
  const { message } = read(recorded);
  const { timeMs, direction, local } = recorded;
  const ends = direction === 'out' ? `${at(local)} -> ${place(recorded)}` : `${at(local)} <- ${place(recorded)}`;
  const callId = clean(message?.header('Call-ID') ?? '');
  return [clock(timeMs), ends, labelOf(message, recorded), detail(message, recorded), callId && `Call-ID ${callId}`]
    .filter((part) => part !== '')
    .join('  ');
}

function labelOf(message: SipMessage | undefined, { message: bytes }: Recorded): string {
  if (message === undefined) return clean(Buffer.from(bytes, 'base64').toString('latin1').split(/\r?\n/, 1)[0]);
  const sdp = message.body.length > 0 && /^application\/sdp|^multipart/.test(message.contentType ?? '') ? ' (SDP)' : '';
  return clean(message.kind === 'request' ? message.method : `${message.status} ${message.reason}`) + sdp;
}

/** CSeq, what the other headers say of the way, and the session description in short. */
function detail(message: SipMessage | undefined, { length }: Recorded): string {
  if (message === undefined) return `${length} octets that are no SIP message`;
  const parts = [`CSeq ${clean(message.header('CSeq') ?? '?')}`];
  for (const name of ['Require', 'RSeq', 'Expires', 'Retry-After', 'Warning', 'Reason', 'Refer-To', 'Event']) {
    const value = message.header(name);
    if (value !== undefined) parts.push(`${name} ${clean(value)}`);
  }
  const session = sessionOf(message);
  if (session !== '') parts.push(session);
  return parts.join(', ');
}

function sessionOf({ body, contentType }: SipMessage): string {
  if (body.length === 0) return '';
  if (contentType !== 'application/sdp')
    return `${clean(contentType ?? 'a body without a type')}, ${body.length} octets`;
  try {
    const { media, connection } = parseSdp(body);
    return `SDP ${media.map((one) => mediaOf(one, connection?.host)).join('; ')}`;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return 'SDP that cannot be read';
  }
}

function mediaOf(media: ReturnType<typeof parseSdp>['media'][number], host = '?'): string {
  const { kind, port, protocol, formats, attributes } = media;
  const names = formats.map((format) => {
    const map = attributes.find(({ name, value }) => name === 'rtpmap' && value?.startsWith(`${format} `));
    return map?.value?.split(' ')[1]?.split('/')[0] ?? { '0': 'PCMU', '8': 'PCMA', '9': 'G722' }[format] ?? format;
  });
  const direction = attributes.find(({ name }) => /^(?:sendrecv|sendonly|recvonly|inactive)$/.test(name))?.name;
  const keys = attributes.some(({ name }) => name === 'crypto') ? ', keys' : '';
  const where = `${media.connection?.host ?? host}:${port}`;
  return clean(`${kind} ${where} ${protocol} ${names.join(' ')} ${direction ?? 'sendrecv'}${keys}`);
}

const clean = (text: string): string => printable(text.length > 200 ? `${text.slice(0, 200)}...` : text);

const at = ({ host, port }: Recorded['local']): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
const place = ({ remote, transport }: Recorded): string => `${at(remote)} ${transport}`;

/** The clock on the wall here. */
function clock(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}
