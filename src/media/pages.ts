/** The main thread's handle on pages by multicast: opens and joins the sockets, the rest happens on the media thread. Nothing waits. */
import type { Logger } from '../base/index.ts';
import { Membership, openGroup, openSender } from '../rtp/multicast.ts';
import { closeSocket, SocketError } from '../rtp/socket.ts';
import { MediaError } from './errors.ts';
import type { Said } from './page-sender.ts';
import type { Level, PageGroup, Zone } from './page-types.ts';
import type { ToPages } from './pages-thread.ts';

interface Joined {
  group: PageGroup;
  memberships: Membership[];
  reason?: string;
}

export class PagesHandle {
  readonly #dscp: number | undefined;
  readonly #send: (message: ToPages, transfer?: ArrayBuffer[]) => void;
  readonly #logger: Logger;
  readonly #groups: Joined[] = [];

  constructor(dscp: number | undefined, send: (message: ToPages, transfer?: ArrayBuffer[]) => void, logger: Logger) {
    this.#dscp = dscp;
    this.#send = send;
    this.#logger = logger;
  }

  /** Once. What cannot be opened is told by `status`. */
  listen(groups: readonly PageGroup[]): void {
    for (const group of groups) this.#groups.push({ group, memberships: [] });
    this.refresh();
  }

  /** The network has changed: the groups are joined anew. */
  refresh(): void {
    // All sockets leave a group before the first one joins it again: only then does the kernel say so to the network, and a switch
    // that has forgotten us (the link was down) hears of it.
    for (const { memberships } of this.#groups) for (const membership of memberships) membership.leave();
    for (const joined of this.#groups) {
      const { group, memberships } = joined;
      if (memberships.length === 0) this.#open(joined);
      const names = memberships.map((membership) => membership.join())[0] ?? [];
      if (memberships.length > 0 && names.length > 0) joined.reason = undefined;
      else joined.reason ??= `no interface ${group.interface ?? 'that is up'}`;
      this.#logger.debug('multicast', { group: group.name, interfaces: names, reason: joined.reason });
    }
  }

  /** Where each group is joined; a text: why it is not. */
  status(): { group: string; joined: readonly string[]; reason?: string }[] {
    return this.#groups.map(({ group, memberships, reason }) => ({
      group: group.name,
      joined: memberships[0]?.joined ?? [],
      ...(reason !== undefined && { reason }),
    }));
  }

  /** A page starts unheard. */
  level(page: string, level: Level): void {
    this.#send({ kind: 'page-level', page, level });
  }

  /** No more of it, whatever comes. */
  forget(page: string): void {
    this.#send({ kind: 'page-forget', page });
  }

  /** A message of our own; `page` is its name in what follows. Throws `MediaError`. */
  send(page: string, zone: Zone, samples: Int16Array, rateHz: number): void {
    const copy = samples.slice();
    this.#begin(page, zone, { samples: copy, rateHz }, [copy.buffer as ArrayBuffer]);
  }

  /** What is heard of a stream goes to the zone, and not to the loudspeaker, until `stop` or the end of the stream. Throws `MediaError`. */
  relay(page: string, zone: Zone, stream: string): void {
    this.#begin(page, zone, { stream });
  }

  stop(page: string): void {
    this.#send({ kind: 'page-stop', page });
  }

  #begin(page: string, zone: Zone, said: Said, transfer: ArrayBuffer[] = []): void {
    try {
      const { group, hops } = zone;
      const fd = openSender({ host: group.host, hops, interface: zone.interface }, this.#dscp);
      this.#send({ kind: 'page-send', page, zone, fd, said }, transfer);
    } catch (cause) {
      if (!(cause instanceof SocketError)) throw cause;
      throw new MediaError(cause.code, `Cannot page: ${cause.message}`, { cause });
    }
  }

  #open(joined: Joined): void {
    const { group, memberships } = joined;
    const opened: number[] = [];
    const open = ({ host, port }: { host: string; port: number }): number => {
      const fd = openGroup(host, port, this.#dscp);
      opened.push(fd);
      return fd;
    };
    try {
      const { host, port } = group.group;
      const sound = open({ host, port });
      const besides = {
        rtp: port < 65_535 ? { host, port: port + 1 } : undefined,
        linksys: group.control,
        poly: undefined,
      };
      const place = besides[group.format];
      const beside = place === undefined ? undefined : open(place);
      this.#send({ kind: 'pages-listen', group, sockets: { sound, ...(beside !== undefined && { beside }) } });
      memberships.push(new Membership(sound, host, group.interface));
      if (beside !== undefined) memberships.push(new Membership(beside, place!.host, group.interface));
      joined.reason = undefined;
    } catch (error) {
      for (const fd of opened) closeSocket(fd);
      joined.reason = (error as Error).message;
    }
  }
}
