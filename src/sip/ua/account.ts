/** One account: who we are there, where its servers are, what they ask for. */
import type { Random } from '../../base/index.ts';
import { formatUri, type Hop, parseUri, type SipUri } from '../message/index.ts';
import type { Core } from './core.ts';
import { Credentials } from './credentials.ts';
import type { AccountConfig } from './types.ts';

/** Next hops tried for one account, over all its servers. */
export const HOPS_MAX = 8;

export class Account {
  readonly config: AccountConfig;
  readonly name: string;
  readonly address: SipUri;
  /** Where the account lives (§10.2): the Request-URI of REGISTER. */
  readonly domain: string;
  readonly user: string;
  readonly #random: Random;
  /** By server: each has realms and nonces of its own. */
  readonly #credentials = new Map<string, Credentials>();
  readonly #servers: readonly SipUri[];
  /** What was found for each server. */
  readonly #found: (readonly Hop[])[] = [];
  #hops: readonly Hop[] = [];
  /** The hop that answers for the account now: set by the registration. */
  current: Hop | undefined;
  /** RFC 3608: what its server wants our requests to pass, Route header fields in order. */
  serviceRoutes: readonly string[] = [];
  /** Whether the last search found any way to any server. */
  reachable = true;

  constructor(config: AccountConfig, random: Random) {
    this.config = config;
    this.name = config.name;
    this.address = parseUri(config.address);
    const { scheme, host, port } = this.address;
    const domain = { scheme, host, port, params: new Map(), headers: [] };
    this.domain = formatUri(domain);
    this.user = this.address.user ?? config.username;
    this.#random = random;
    this.#servers = config.servers.length > 0 ? config.servers.map(parseUri) : [domain];
  }

  /** What answers the challenges of the server `hop` leads to; undefined: it is none of ours. */
  credentialsFor(hop: Hop): Credentials | undefined {
    if (!this.owns(hop)) return undefined;
    const { host } = hop.remote;
    const known =
      this.#credentials.get(host) ?? new Credentials(this.config.username, this.config.password, this.#random);
    this.#credentials.delete(host);
    this.#credentials.set(host, known);
    const oldest = this.#credentials.keys().next().value;
    if (this.#credentials.size > 2 * HOPS_MAX && oldest !== undefined) this.#credentials.delete(oldest);
    return known;
  }

  /** A `sips:` address: nothing but TLS will do (§26.2.2). */
  get secure(): boolean {
    return this.address.scheme === 'sips';
  }

  /** Every known next hop by preference, the one that answers now first. */
  get hops(): readonly Hop[] {
    const { current } = this;
    if (current === undefined) return this.#hops;
    return [current, ...this.#hops.filter((hop) => !samePlace(hop, current))];
  }

  /** The hops that are preferred to `hop`. */
  better(hop: Hop): readonly Hop[] {
    return this.#hops.slice(
      0,
      Math.max(
        0,
        this.#hops.findIndex((known) => samePlace(known, hop)),
      ),
    );
  }

  /** Asks for the hops of all servers and goes on when all are known; at once when all are IP literals. Each counts as it comes. */
  resolve(core: Core, now: number, then: (now: number) => void): void {
    let open = this.#servers.length;
    let any = false;
    this.#servers.forEach((server, i) => {
      core.locate(server, undefined, now, (hops, at) => {
        // Nothing found is no news: a resolver that is down does not move the servers.
        const wanted = this.#wanted(hops);
        if (wanted.length > 0) {
          any = true;
          this.#found[i] = inOrderOf(this.#found[i] ?? [], wanted);
        }
        this.#hops = this.#found.flat().slice(0, HOPS_MAX);
        this.#moved();
        if (--open > 0) return;
        this.reachable = any;
        then(at);
      });
    });
  }

  /** RFC 5922 §7: the server may show the name it was given, or the domain it serves. */
  #wanted(hops: readonly Hop[]): readonly Hop[] {
    return hops.flatMap((hop) => {
      if (hop.transport !== 'tls') return this.secure ? [] : [hop];
      return [{ ...hop, domains: [...new Set([...(hop.domains ?? []), this.address.host])] }];
    });
  }

  /** Our own address on the way to the current hop may be another one by now; the connection from the old one is of no use. */
  #moved(): void {
    const { current } = this;
    const found = current === undefined ? undefined : this.#hops.find((hop) => samePlace(hop, current));
    if (found !== undefined && found.local.host !== current?.local.host) this.current = found;
  }

  /** `hop`, with what the registration there has taught us about ourselves. */
  seenFrom(hop: Hop): Hop {
    const { current } = this;
    if (current?.transport !== hop.transport || current.remote.host !== hop.remote.host) return hop;
    return { ...hop, mapped: current.mapped, outbound: current.outbound };
  }

  /** The preloaded Route of a request that begins something. */
  routesBy(hop: Hop): readonly string[] {
    return this.current !== undefined && samePlace(this.current, hop) ? this.serviceRoutes : [];
  }

  /** Whether a request came from one of the account's servers. */
  owns(hop: Hop): boolean {
    const { host } = hop.remote;
    return this.#hops.some((known) => known.remote.host === host) || this.current?.remote.host === host;
  }

  /** Whether `target` names the account's domain or one of its servers, by name or by an address found for one. */
  serves(target: SipUri): boolean {
    const places: Place[] = [this.address, ...this.#servers, ...this.#hops.map(({ remote }) => remote)];
    return places.some(
      (place) =>
        place.host.toLowerCase() === target.host.toLowerCase() &&
        ((place.port ?? 5060) === (target.port ?? 5060) || portOf(place) === portOf(target)),
    );
  }
}

type Place = Pick<SipUri, 'host' | 'port'> & Partial<SipUri>;

/** §19.1.2: the port of a URI that names none. */
function portOf({ port, scheme, params }: Place): number {
  const secure = scheme === 'sips' || params?.get('transport')?.toLowerCase() === 'tls';
  return port ?? (secure ? 5061 : 5060);
}

export function samePlace(a: Hop, b: Hop): boolean {
  return a.transport === b.transport && a.remote.host === b.remote.host && a.remote.port === b.remote.port;
}

/** SRV draws lots each time it is asked (RFC 2782). Who has drawn stays with it as long as the servers are the same. */
function inOrderOf(before: readonly Hop[], found: readonly Hop[]): readonly Hop[] {
  const same = before.length === found.length && before.every((hop) => found.some((one) => samePlace(one, hop)));
  return same ? before.map((hop) => found.find((one) => samePlace(one, hop)) ?? hop) : found;
}
