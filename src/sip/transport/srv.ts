/** Which servers of a domain, in which order: the arithmetic of NAPTR and SRV, RFC 3263 §4.1, §4.2 and RFC 2782. Pure. */
import type { Random } from '../../base/index.ts';
import type { Transport } from '../message/index.ts';

export interface Naptr {
  order: number;
  preference: number;
  flags: string;
  service: string;
  /** The name of SRV records, when the flag is `s`. */
  replacement: string;
}

export interface Srv {
  priority: number;
  weight: number;
  port: number;
  /** The host; empty or `.`: the service is decidedly not there. */
  name: string;
}

/** A name that SRV records are asked of, and the transport they speak for. */
export interface Service {
  transport: Transport;
  name: string;
}

/** Records looked at in one answer; what is beyond was not made for us. */
const RECORDS_MAX = 32;

const SERVICES: Readonly<Record<string, Transport>> = { 'sip+d2u': 'udp', 'sip+d2t': 'tcp', 'sips+d2t': 'tls' };

/** RFC 3263 §4.1, RFC 3403 §4.1: those of the lowest order that name a transport of ours, the preferred one first. */
export function chooseNaptr(records: readonly Naptr[], secure: boolean): Service[] {
  const usable = records.slice(0, RECORDS_MAX).flatMap(({ flags, service, replacement, order, preference }) => {
    const transport = SERVICES[service.toLowerCase()];
    if (flags.toLowerCase() !== 's' || transport === undefined || (secure && transport !== 'tls')) return [];
    return replacement === '' || replacement === '.' ? [] : [{ transport, name: replacement, order, preference }];
  });
  const lowest = Math.min(...usable.map(({ order }) => order));
  return usable
    .filter(({ order }) => order === lowest)
    .sort((a, b) => a.preference - b.preference)
    .map(({ transport, name }) => ({ transport, name }));
}

/** §4.1, §4.2: where SRV records of `domain` would be, when nothing says which transport it likes best. */
export function servicesOf(domain: string, transports: readonly Transport[]): Service[] {
  return transports.map((transport) => ({ transport, name: `${PREFIXES[transport]}.${domain}` }));
}

const PREFIXES: Readonly<Record<Transport, string>> = { udp: '_sip._udp', tcp: '_sip._tcp', tls: '_sips._tcp' };

/** RFC 2782: by priority; among equals by lot, in proportion to the weights. Targets that say "not here" are left out. */
export function orderSrv(records: readonly Srv[], random: Random): Srv[] {
  const here = records.slice(0, RECORDS_MAX).filter(({ name }) => name !== '' && name !== '.');
  const priorities = [...new Set(here.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) => {
    // Those without weight stand first, where only the lot 0 hits them; it is drawn only where there are some.
    const left = here
      .filter((one) => one.priority === priority)
      .sort((a, b) => Math.min(1, a.weight) - Math.min(1, b.weight));
    const drawn: Srv[] = [];
    while (left.length > 0) {
      const sum = left.reduce((total, { weight }) => total + weight, 0);
      const lowest = Math.min(1, left[0].weight);
      let lot = lowest + (random.uint32() % (sum + 1 - lowest));
      const hit = left.findIndex(({ weight }) => (lot -= weight) <= 0);
      drawn.push(...left.splice(sum === 0 ? random.uint32() % left.length : hit, 1));
    }
    return drawn;
  });
}

/** RFC 2782: the one answer by which a domain says that it has no such service. */
export function refusesService(records: readonly Srv[]): boolean {
  return records.length > 0 && records.every(({ name }) => name === '' || name === '.');
}
