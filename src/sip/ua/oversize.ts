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
/** A server whose TCP has not said a word by then is asked by UDP from the next request on. */
const TCP_MUTE_MS = 1_500;
/** How long a server without TCP is not asked again. */
export const TCP_REST_MS = 600_000;
/** Servers without TCP that are remembered. */
const WITHOUT_MAX = 64;

export class Oversize {
  readonly #enabled: boolean;
  /** Until when there is no TCP, by place. */
  readonly #without = new Map<string, number>();
  /** Since when nothing has come back by TCP, by place. */
  readonly #unheard = new Map<string, number>();

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** Whether a stream would be better. */
  large(request: SipRequest, hop: Hop): boolean {
    if (!this.#enabled || hop.transport !== 'udp') return false;
    return formatMessage(request).length + VIA_BYTES > DATAGRAM_MAX_BYTES;
  }

  /** The stream to take in place of `hop`, for a request that is sent now. */
  instead(request: SipRequest, hop: Hop, now: number): Hop | undefined {
    if (!this.large(request, hop)) return undefined;
    const place = placeOf(hop);
    const since = this.#unheard.get(place) ?? now;
    if (now - since >= TCP_MUTE_MS) this.failed(hop, now);
    if ((this.#without.get(place) ?? now) > now) return undefined;
    if (this.#unheard.size < WITHOUT_MAX) this.#unheard.set(place, since);
    return { ...hop, transport: 'tcp', connectMs: TCP_CONNECT_MS };
  }

  heard(hop: Hop): void {
    this.#unheard.delete(placeOf(hop));
  }

  /** Nobody waits for the word of `hop` any longer: silence of so short a time says nothing about TCP. */
  givenUp(hop: Hop, now: number): void {
    if (now - (this.#unheard.get(placeOf(hop)) ?? now) < TCP_MUTE_MS) this.heard(hop);
  }

  failed(hop: Hop, now: number): void {
    if (this.#without.size >= WITHOUT_MAX) this.#without.clear();
    this.#without.set(placeOf(hop), now + TCP_REST_MS);
    this.heard(hop);
  }
}

const placeOf = ({ remote }: Hop): string => `${remote.host} ${remote.port}`;
