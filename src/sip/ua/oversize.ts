/** Requests too large for a datagram go by TCP, RFC 3261 §18.1.1, where that is to be had, and by UDP at once where it is not. */
import { formatMessage, type Hop, type SipRequest } from '../message/index.ts';

/** With its Via. Larger ones would be cut into fragments, which many a NAT and firewall drops. */
const DATAGRAM_MAX_BYTES = 1_300;
/** Of the Via that is put on later. */
const VIA_BYTES = 90;
/** Longer nobody waits for a connection: a call has 4.5 s to be answered, and UDP may do. */
const TCP_CONNECT_MS = 500;
/** A connection that fails later than this after the request has failed it for good. */
export const TCP_PATIENCE_MS = 1_000;
/** How long a server without TCP is not asked again. */
export const TCP_REST_MS = 600_000;
/** Servers without TCP that are remembered. */
const WITHOUT_MAX = 64;

export class Oversize {
  readonly #enabled: boolean;
  /** Until when there is no TCP, by place. */
  readonly #without = new Map<string, number>();

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** The stream to take in place of `hop`. */
  instead(request: SipRequest, hop: Hop, now: number): Hop | undefined {
    if (!this.#enabled || hop.transport !== 'udp') return undefined;
    if (formatMessage(request).length + VIA_BYTES <= DATAGRAM_MAX_BYTES) return undefined;
    const until = this.#without.get(placeOf(hop));
    return until !== undefined && until > now ? undefined : { ...hop, transport: 'tcp', connectMs: TCP_CONNECT_MS };
  }

  failed(hop: Hop, now: number): void {
    if (this.#without.size >= WITHOUT_MAX) this.#without.clear();
    this.#without.set(placeOf(hop), now + TCP_REST_MS);
  }
}

const placeOf = ({ remote }: Hop): string => `${remote.host} ${remote.port}`;
