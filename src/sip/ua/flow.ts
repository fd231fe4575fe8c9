/** What a registration says and learns about the way between us and the registrar: RFC 3581, 5626, 3608. */
import { isIP } from 'node:net';
import { type Hop, type HostPort, parseNameAddr, readOr, type SipResponse } from '../message/index.ts';
import { Backoff } from './backoff.ts';

/** Routes of a Service-Route that are taken; with more the whole set is not. */
const ROUTES_MAX = 8;

/** A flow that lasted less is not replaced at once a second time. */
const FLOW_SETTLED_MS = 30_000;

/** Parameters of the Contact of a REGISTER: which device, and which of its flows (RFC 5626 §4.2). */
export function flowParams(instance: string | undefined, regId: number): string {
  return instance === undefined ? '' : `;reg-id=${regId};+sip.instance="<urn:uuid:${instance}>"`;
}

/** RFC 5626 §6: the registrar has bound the flow, and not only the address in the Contact. */
export function boundFlow(response: SipResponse): boolean {
  return response.list('Require').some((tag) => tag.toLowerCase() === 'outbound');
}

/**
 * Where the other end saw our request come from (RFC 3581), when that is another place than our Contact names. A stream comes
 * from a port of its own: there only another address tells of a NAT. Unless nobody listens here: then the connection is all
 * there is, and a proxy that is to send something in a dialog finds it by the port it comes from.
 */
export function mappedAddress(response: SipResponse, hop: Hop): HostPort | undefined {
  const { params } = response.via;
  const host = params.get('received') ?? hop.local.host;
  const port = Number(params.get('rport') ?? hop.local.port);
  const family = isIP(host);
  if (family === 0 || family !== isIP(hop.local.host) || !(port > 0 && port < 65_536)) return undefined;
  if (/^(?:0\.0\.0\.0|::)$/.test(host)) return undefined;
  const same = host === hop.local.host && (port === hop.local.port || (hop.transport !== 'udp' && !hop.deaf));
  return same ? undefined : { host, port };
}

/** RFC 3608: the Route header fields of requests that begin something; loose routes only. */
export function serviceRoutes(response: SipResponse): readonly string[] {
  return readOr([], () => {
    const routes = response.list('Service-Route');
    const loose = routes.every((route) => parseNameAddr(route).uri.params.has('lr'));
    return loose && routes.length <= ROUTES_MAX ? routes : [];
  });
}

/** RFC 5626 §4.5: what was bound to a flow that ended reaches us no more. A server that ends every one is not chased. */
export class FlowLosses {
  readonly #backoff: Backoff;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(firstMs: number, maxMs: number) {
    this.#backoff = new Backoff(firstMs, maxMs);
  }

  /** How long to wait until it is replaced, ms. */
  lost(now: number): number {
    const settled = now - this.#lastAt >= FLOW_SETTLED_MS;
    this.#lastAt = now;
    if (!settled) return this.#backoff.next();
    this.#backoff.reset();
    return 0;
  }
}
