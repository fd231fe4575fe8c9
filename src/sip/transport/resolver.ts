/** From a URI to the hops to try, in order. Addresses at once, names by the system's resolver (A and AAAA). An edge. */
import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import type { Hop, HostPort, SipUri, Transport } from '../message/index.ts';
import { systemReason, TransportError } from './errors.ts';
import { SIP_PORT, SIPS_PORT } from './via.ts';

export interface ResolverOptions {
  /** `SipTransport.localFor`. */
  localFor(remoteHost: string, transport: Transport): HostPort;
  /** All addresses of a name, best first; the system's unless a test knows better. */
  addressesOf?(name: string): Promise<string[]>;
}

const systemAddresses = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

export class Resolver {
  readonly #options: ResolverOptions;
  /** Questions under way, so that a name server that does not answer is not asked the same over and over. */
  readonly #asked = new Map<string, Promise<string[]>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /**
   * RFC 3263 §4 without NAPTR and SRV: transport of the `transport` parameter, else UDP (TLS for sips). Empty when we have
   * no route. A name that cannot be resolved rejects with `TransportError`.
   */
  resolve(uri: SipUri): Hop[] | Promise<Hop[]> {
    if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return [];
    const transport = transportOf(uri);
    if (transport === undefined) return [];
    const port = uri.port ?? (transport === 'tls' ? SIPS_PORT : SIP_PORT);
    // RFC 3261 §19.1.1: maddr overrides the host.
    const target = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '');
    if (isIP(target.split('%')[0]) !== 0) return this.#hops([target], port, transport, uri.host);
    return this.#lookUp(target, port, transport, uri.host);
  }

  async #lookUp(name: string, port: number, transport: Transport, domain: string): Promise<Hop[]> {
    try {
      return this.#hops(await this.#addressesOf(name), port, transport, domain);
    } catch (error) {
      throw new TransportError(`Cannot resolve ${name}: ${systemReason(error)}`, { cause: error });
    }
  }

  #addressesOf(name: string): Promise<string[]> {
    const key = name.toLowerCase();
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = (this.#options.addressesOf ?? systemAddresses)(name).finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return asked;
  }

  /** RFC 5922 §7: over TLS it is the domain of the URI that has to be there, whatever address it led to. */
  #hops(addresses: readonly string[], port: number, transport: Transport, domain: string): Hop[] {
    const wanted = transport === 'tls' ? { domains: [domain] } : {};
    return [...new Set(addresses.map(canonical))].flatMap((host): Hop[] => {
      try {
        return [{ transport, remote: { host, port }, local: this.#options.localFor(host, transport), ...wanted }];
      } catch (error) {
        if (error instanceof TransportError) return [];
        throw error;
      }
    });
  }
}

/** `2001:DB8:0::1` as the system writes the source of what comes from there: both are compared as text. */
export function canonical(host: string): string {
  const [literal, zone] = host.split('%');
  if (isIP(literal) !== 6) return host;
  const { address } = new SocketAddress({ address: literal, family: 'ipv6' });
  return zone === undefined ? address : `${address}%${zone}`;
}

function transportOf(uri: SipUri): Transport | undefined {
  const asked = uri.params.get('transport')?.toLowerCase();
  if (uri.scheme === 'sips') return asked === undefined || asked === 'tcp' || asked === 'tls' ? 'tls' : undefined;
  switch (asked) {
    case undefined:
    case 'udp':
      return 'udp';
    case 'tcp':
      return 'tcp';
    case 'tls':
      return 'tls';
    default:
      return undefined;
  }
}
