/** Via values, RFC 3261 §20.42: blanks may stand around each "/", ":" and ";". */
import { sameWord, TOKEN, trimmedEnd } from './codes.ts';
import { formatParams, type Params } from './params.ts';
import type { Scanner } from './scanner.ts';
import { formatHostPort, readHostPort } from './uri.ts';

const COMMA = 44;
const SLASH = 47;
const SEMICOLON = 59;

export interface Via {
  /** `2.0` */
  readonly version: string;
  /** Upper-case: `UDP`, `TCP`, `TLS`, or anything else somebody invented. */
  readonly transport: string;
  /** The sent-by; IPv6 without brackets. */
  readonly host: string;
  readonly port?: number;
  /** `branch`, `received`, `rport`, ... */
  readonly params: Params;
}

/** A comma-separated list of values, at least one. */
export function readVias(scanner: Scanner): Via[] {
  const vias = [readVia(scanner)];
  while (scanner.take(COMMA)) vias.push(readVia(scanner));
  scanner.finish();
  return vias;
}

/** The first value of a list; the others are not looked at. */
export function readFirstVia(scanner: Scanner): Via {
  const via = readVia(scanner);
  if (scanner.next() !== COMMA) scanner.finish();
  return via;
}

function readVia(scanner: Scanner): Via {
  const { text, codes, end } = scanner;
  scanner.next();
  let version = '2.0';
  if (sameWord(codes, scanner.at, 'sip/2.0/')) scanner.at += 8;
  else {
    if (scanner.token('the protocol').toUpperCase() !== 'SIP') scanner.fail('the protocol is not SIP');
    if (!scanner.take(SLASH)) scanner.fail('"/" is missing after SIP');
    version = scanner.token('the version');
    if (!scanner.take(SLASH)) scanner.fail('"/" is missing after the version');
  }
  scanner.next();
  const transport = readTransport(scanner);
  const blank = scanner.at;
  scanner.next();
  const from = scanner.at;
  if (from === blank || scanner.done) scanner.fail('sent-by is missing');
  let to = from;
  while (to < end && codes[to] !== SEMICOLON && codes[to] !== COMMA) to++;
  scanner.at = to;
  const sentBy = readHostPort(text, codes, from, trimmedEnd(codes, from, to));
  if (sentBy === undefined) return scanner.fail('sent-by is malformed');
  return { version, transport, host: sentBy.host, port: sentBy.port, params: scanner.params() };
}

function readTransport(scanner: Scanner): string {
  const from = scanner.at;
  if (!scanner.skip(TOKEN)) scanner.fail('the transport is missing');
  if (scanner.at - from === 3) {
    if (sameWord(scanner.codes, from, 'udp')) return 'UDP';
    if (sameWord(scanner.codes, from, 'tcp')) return 'TCP';
    if (sameWord(scanner.codes, from, 'tls')) return 'TLS';
  }
  return scanner.text.slice(from, scanner.at).toUpperCase();
}

export function formatVia(via: Omit<Via, 'version'>): string {
  return `SIP/2.0/${via.transport} ${formatHostPort(via.host, via.port)}${formatParams(via.params)}`;
}
