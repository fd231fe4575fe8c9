/**
 * Which of our addresses the system would send from, asked without waiting: a UDP socket is connected (which sends nothing)
 * and asked for its name. An edge.
 */
import { isIP } from 'node:net';
import { bind, boundHost, connect, tryUdp } from './system.ts';

const DISCARD_PORT = 9;

/** Whether the IP literal `host` is an address of this machine now. Asked by binding a socket to it. */
export function isOwnAddress(host: string): boolean {
  return tryUdp(host, (fd) => bind(fd, host, 0)) ?? false;
}

/** The source address towards the IP literal `remote`; undefined when there is no route (or no such family here). */
export function sourceAddress(remote: string): string | undefined {
  const [literal, zone] = remote.split('%');
  if (isIP(literal) === 0) return undefined;
  const source = tryUdp(remote, (fd) => (connect(fd, remote, DISCARD_PORT) ? boundHost(fd) : undefined));
  return zone !== undefined && source?.startsWith('fe80:') ? `${source}%${zone}` : source;
}
