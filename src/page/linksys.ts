/**
 * The paging of Linksys and Cisco SPA telephones: RTP, announced and ended by a control packet to a port of its own. As the free
 * telephone systems send it; there is no document. All in network byte order:
 *
 *     0             4                8               12             16
 *    +-------------+----------------+---------------+--------------+
 *    | unique id   | 6 start 7 stop | IPv4 of group | port, 32 bits |     the end of a stop may be missing
 *    +-------------+----------------+---------------+--------------+
 */
import { readUint32, writeUint32 } from '../rtp/index.ts';

export const LINKSYS_BYTES = 16;
/** Each is sent twice: one may get lost. */
export const LINKSYS_REPEATS = 2;
const SHORT_BYTES = 8;
const START = 6;
const STOP = 7;

export interface LinksysControl {
  command: 'start' | 'stop';
  id: number;
  /** Where the sound is; a short stop does not say. */
  group?: { host: string; port: number };
}

export function parseLinksys(bytes: Uint8Array, length: number): LinksysControl | undefined {
  if (length > bytes.length || (length !== LINKSYS_BYTES && length !== SHORT_BYTES)) return undefined;
  const command = readUint32(bytes, 4);
  if (command !== START && command !== STOP) return undefined;
  const id = readUint32(bytes, 0);
  if (length === SHORT_BYTES) return command === STOP ? { command: 'stop', id } : undefined;
  const group = { host: bytes.subarray(8, 12).join('.'), port: readUint32(bytes, 12) };
  return { command: command === START ? 'start' : 'stop', id, group };
}

export function formatLinksys({ command, id, group }: Required<LinksysControl>, into: Uint8Array): number {
  writeUint32(into, 0, id);
  writeUint32(into, 4, command === 'start' ? START : STOP);
  into.set(group.host.split('.').map(Number), 8);
  writeUint32(into, 12, group.port);
  return LINKSYS_BYTES;
}
