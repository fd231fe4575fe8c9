/** Via values, RFC 3261 §20.42: blanks may stand around each "/", ":" and ";". */
import { formatParams, type Params, Scanner } from './scanner.ts';
import { formatHostPort, parseHostPort } from './uri.ts';

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

export function parseVia(text: string): Via {
  const scanner = new Scanner(text, 'Via');
  const via = readVia(scanner);
  scanner.end();
  return via;
}

/** A comma-separated list of values, at least one. */
export function parseVias(text: string): Via[] {
  const scanner = new Scanner(text, 'Via');
  const vias = [readVia(scanner)];
  while (scanner.take(44)) vias.push(readVia(scanner));
  scanner.end();
  return vias;
}

/** The first value of a list; the others are not looked at. */
export function parseFirstVia(text: string): Via {
  const scanner = new Scanner(text, 'Via');
  const via = readVia(scanner);
  if (scanner.next() !== 44) scanner.end();
  return via;
}

function readVia(scanner: Scanner): Via {
  const { text } = scanner;
  scanner.next();
  let version = '2.0';
  if (text.startsWith('SIP/2.0/', scanner.at)) scanner.at += 8;
  else {
    if (scanner.token('the protocol').toUpperCase() !== 'SIP') scanner.fail('the protocol is not SIP');
    if (!scanner.take(47)) scanner.fail('"/" is missing after SIP');
    version = scanner.token('the version');
    if (!scanner.take(47)) scanner.fail('"/" is missing after the version');
  }
  scanner.next();
  const transport = scanner.token('the transport').toUpperCase();
  const from = scanner.at;
  scanner.next();
  if (scanner.at === from || scanner.done) scanner.fail('sent-by is missing');
  const start = scanner.at;
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === 59 || code === 44) break;
  }
  const sentBy = parseHostPort(text.slice(start, end).trim());
  if (sentBy === undefined) return scanner.fail('sent-by is malformed');
  scanner.at = end;
  return { version, transport, host: sentBy.host, port: sentBy.port, params: scanner.params() };
}

export function formatVia(via: Omit<Via, 'version'>): string {
  return `SIP/2.0/${via.transport} ${formatHostPort(via.host, via.port)}${formatParams(via.params)}`;
}
