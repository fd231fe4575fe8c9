/** All accounts of ours: whose a request is, which of them serve a target, and the ways there. RFC 3263 §4. */
import { isIP } from 'node:net';
import type { Random } from '../../base/index.ts';
import type { Hop, SipRequest, SipUri } from '../message/index.ts';
import { Account, samePlace } from './account.ts';
import type { Route } from './call.ts';
import type { Core } from './core.ts';
import type { AccountConfig } from './types.ts';

export class Accounts {
  readonly #core: Core;
  readonly all: readonly Account[];

  /** Throws `SipSyntaxError` when an address or server is no URI. */
  constructor(core: Core, configs: readonly AccountConfig[], random: Random) {
    this.#core = core;
    this.all = configs.flatMap((config) => accountsOf(config, random));
  }

  /** Whether a server of ours sent what came over `hop`. */
  owns(hop: Hop): boolean {
    return this.all.some((account) => account.owns(hop));
  }

  /** Whether a server of ours is at that address. */
  serverAt(host: string): boolean {
    const place = { host, port: 0 };
    return this.owns({ transport: 'udp', remote: place, local: place });
  }

  /** The account whose server sent the request; of several at one server, the one the Request-URI names. */
  of(request: SipRequest, hop: Hop): Account | undefined {
    const owners = this.all.filter((account) => account.owns(hop));
    const { user } = request.parsedUri();
    return owners.find((account) => account.user === user) ?? owners[0];
  }

  /** Whose server the target names. Several at one domain: one that is registered first, the others when it fails. */
  serving(target: SipUri): Account[] {
    const serving = this.all.filter((one) => one.serves(target));
    return [...serving.filter(({ current }) => current), ...serving.filter(({ current }) => !current)];
  }

  /** Whether `find` need ask nobody. */
  knowsWay(target: SipUri, accounts: readonly Account[]): boolean {
    return accounts.length === 0 ? isIP(target.host.split('%')[0]) !== 0 : routesBy(accounts).length > 0;
  }

  /** The ways to `target` by these accounts, or past all accounts. `then` hears of them as soon as there are some, and perhaps again. */
  find(
    target: SipUri,
    accounts: readonly Account[],
    now: number,
    then: (routes: readonly Route[], now: number) => void,
  ): void {
    if (accounts.length === 0)
      return this.#core.locate(target, undefined, now, (hops, at) =>
        then(
          hops.map((hop) => ({ hop, account: undefined })),
          at,
        ),
      );
    const go = (at: number): void => then(routesBy(accounts), at);
    if (routesBy(accounts).length > 0) return go(now);
    let open = accounts.length;
    for (const account of accounts)
      account.resolve(this.#core, now, (at) => {
        // The last one says so when nothing was found; the call hears only the first.
        if (--open === 0 || account.hops.length > 0) go(at);
      });
  }
}

/** Every next hop once, by whose account it was named first. */
function routesBy(accounts: readonly Account[]): Route[] {
  const routes: Route[] = [];
  for (const account of accounts) {
    for (const hop of account.hops)
      if (!routes.some((known) => samePlace(known.hop, hop))) routes.push({ hop, account });
  }
  return routes;
}

/** One for all servers of `config`, or one for each, which then share its name (`register: all`). */
function accountsOf(config: AccountConfig, random: Random): Account[] {
  if (config.register !== 'all' || config.servers.length < 2) return [new Account(config, random)];
  return config.servers.map((server) => new Account({ ...config, servers: [server] }, random));
}
