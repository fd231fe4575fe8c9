/** From a URI to the hops to try, in order: RFC 3263 §4. Addresses at once, names by NAPTR, SRV, A and AAAA. An edge. */
import { isIP, SocketAddress } from 'node:net';
import { type Logger, type Random, silentLogger } from '../../base/index.ts';
import type { Hop, HostPort, SipUri, Transport } from '../message/index.ts';
import { Dns, NAMES_MAX } from './dns.ts';
import { systemReason, TransportError } from './errors.ts';
import { chooseNaptr, orderSrv, refusesService, type Service, servicesOf } from './srv.ts';
import { SIP_PORT, SIPS_PORT } from './via.ts';

/** Hops of one URI; a domain with more servers is not tried to its end. */
const PLACES_MAX = 16;
/** A name server that says nothing of NAPTR and SRV by then may know the address, which is asked for meanwhile. */
const MEANWHILE_MS = 300;

export interface ResolverOptions {
  /** `SipTransport.localFor`. */
  localFor(remoteHost: string, transport: Transport): HostPort;
  /** `SipTransport.hears`; absent: every transport is listened to. */
  hears?(transport: Transport): boolean;
  /** Draws among SRV records of the same priority. */
  random: Random;
  dns?: Dns;
  /** Is told once when a name leads nowhere, and once when it does again. */
  logger?: Logger;
}

/** A host, by name or address, that is still to be looked up. */
interface Place {
  host: string;
  port: number;
  transport: Transport;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #dns: Dns;
  readonly #log: Logger;
  /** Why names lead nowhere, as it was said. */
  readonly #failing = new Map<string, string>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#dns = options.dns ?? new Dns();
    this.#log = options.logger ?? silentLogger;
  }

  /** Empty when we have no route. A name that cannot be resolved rejects with `TransportError`. */
  resolve(uri: SipUri): Hop[] | Promise<Hop[]> {
    if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return [];
    const secure = uri.scheme === 'sips';
    const asked = transportOf(uri);
    if (asked === 'unknown') return [];
    // §4.1: an address or a port without a transport is UDP, of sips TLS.
    const transport = asked ?? (secure ? 'tls' : 'udp');
    const port = uri.port ?? (transport === 'tls' ? SIPS_PORT : SIP_PORT);
    // RFC 3261 §19.1.1: maddr overrides the host.
    const host = (uri.params.get('maddr') ?? uri.host).replace(/^\[|\]$/g, '');
    if (isAddress(host)) return this.#hops([host], { host, port, transport }, uri.host);
    // §25.1: no name server, and no log, is bothered with what is no host name.
    if (!/^[\w.-]{1,253}$/.test(host)) return [];
    const plain = { host, port, transport };
    // §4.2: a port leaves nothing to SRV.
    const named = uri.port !== undefined || !isDomain(host);
    const hops = named ? this.#lookUp([plain], host, uri.host) : this.#ofDomain(plain, asked, secure, uri.host);
    return this.#watched(host, hops);
  }

  /** A name that is asked for again and again for want of an answer is no news each time. */
  async #watched(name: string, hops: Promise<Hop[]>): Promise<Hop[]> {
    try {
      const found = await hops;
      if (this.#failing.delete(name)) this.#log.info(`${name} is found again`);
      return found;
    } catch (error) {
      const { message } = error as TransportError;
      if (this.#failing.get(name) !== message && this.#failing.size < NAMES_MAX) {
        this.#failing.set(name, message);
        this.#log.warn(message);
      }
      throw error;
    }
  }

  /** §4.1, §4.2. `plain`: what there is when the domain has no records. */
  async #ofDomain(plain: Place, asked: Transport | undefined, secure: boolean, domain: string): Promise<Hop[]> {
    const meanwhile = setTimeout(() => this.#dns.addresses(plain.host).catch(() => {}), MEANWHILE_MS);
    const services = await this.#services(plain.host, asked, secure);
    const answers = await Promise.all(services.map(({ name }) => this.#dns.srv(name)));
    clearTimeout(meanwhile);
    const places = services.flatMap(({ transport }, i): Place[] =>
      orderSrv(answers[i], this.#options.random).map(({ name, port }) => ({ host: name, port, transport })),
    );
    if (places.length > 0) return this.#lookUp(places.slice(0, PLACES_MAX), plain.host, domain);
    // RFC 2782: it says itself that there is no such service.
    if (answers.some(refusesService))
      throw new TransportError(`Cannot resolve ${plain.host}: its SRV record says "not here"`);
    return this.#lookUp([plain], plain.host, domain);
  }

  async #services(host: string, asked: Transport | undefined, secure: boolean): Promise<Service[]> {
    if (asked !== undefined) return servicesOf(host, [asked]);
    const chosen = chooseNaptr(await this.#dns.naptr(host), secure);
    return chosen.length > 0 ? chosen : servicesOf(host, secure ? ['tls'] : ['udp', 'tcp']);
  }

  /** The hops of all places in their order. A place without an address is left out, unless there is no other. */
  async #lookUp(places: readonly Place[], name: string, domain: string): Promise<Hop[]> {
    const found = await Promise.allSettled(
      places.map(async ({ host }) => (isAddress(host) ? [host] : this.#dns.addresses(host))),
    );
    const hops = found.flatMap((answer, i) =>
      answer.status === 'fulfilled' ? this.#hops(answer.value, places[i], domain) : [],
    );
    const failed = found.find((answer) => answer.status === 'rejected');
    if (hops.length === 0 && failed !== undefined) {
      throw new TransportError(`Cannot resolve ${name}: ${systemReason(failed.reason)}`, { cause: failed.reason });
    }
    return hops.slice(0, PLACES_MAX);
  }

  /** RFC 5922 §7: over TLS it is the domain of the URI that has to be there, whatever address it led to. */
  #hops(addresses: readonly string[], { port, transport }: Place, domain: string): Hop[] {
    const wanted = transport === 'tls' ? { domains: [domain] } : {};
    const deaf = this.#options.hears?.(transport) === false ? { deaf: true } : {};
    return [...new Set(addresses.map(canonical))].filter(isOne).flatMap((host): Hop[] => {
      try {
        return [
          { transport, remote: { host, port }, local: this.#options.localFor(host, transport), ...wanted, ...deaf },
        ];
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

/** Not everybody, a group, or nobody in particular: others write Contacts and targets, and a request goes to one place. */
const isOne = (host: string): boolean =>
  isIP(host) === 4 ? !/^(?:0|22[4-9]|2[345]\d)\./.test(host) : !/^(?:ff|::$)/i.test(host);

const isAddress = (host: string): boolean => isIP(host.split('%')[0]) !== 0;

/** `pbx` and `pbx.local` (RFC 6762) are names of hosts near by, of which no name server has records. */
const isDomain = (host: string): boolean => /[^.]\.[^.]/.test(host) && !/\.local\.?$/i.test(host);

/** What the URI asks for; undefined: it leaves it to us. */
function transportOf(uri: SipUri): Transport | 'unknown' | undefined {
  const asked = uri.params.get('transport')?.toLowerCase();
  if (uri.scheme === 'sips') return asked === undefined || asked === 'tcp' || asked === 'tls' ? 'tls' : 'unknown';
  return asked === undefined || asked === 'udp' || asked === 'tcp' || asked === 'tls' ? asked : 'unknown';
}
