/** Where a message goes to or came from: one next hop, all addresses IP literals without brackets. */
export type Transport = 'udp' | 'tcp' | 'tls';

export interface HostPort {
  host: string;
  port: number;
}

export interface Hop {
  transport: Transport;
  remote: HostPort;
  /** Our side, as the other end should see it: goes into Via and Contact. `port` is the listening port, not an ephemeral one. */
  local: HostPort;
  /** We listen to no such transport: nothing but the open connection leads to us, and `local` is only a name. */
  deaf?: boolean;
  /** The open connection (TCP, TLS) it came over; a reply uses it while it is open (RFC 3261 §18.2.2). */
  flow?: string;
  /** Where the other end sees us (RFC 3581), when that is not `local`: a NAT lies between. Goes into Contact. */
  mapped?: HostPort;
  /** The registrar there keeps the flow of our registration for what it sends us (RFC 5626). */
  outbound?: boolean;
  /** A connection that is not there after so long is none, ms: another way is open. */
  connectMs?: number;
  /** TLS: one of these domains (or addresses) must be in the certificate of the other end; absent: its address. */
  domains?: readonly string[];
  /** TLS: the verified identities of a caller's certificate (RFC 5922 §7.1); absent: it showed none. */
  identities?: readonly string[];
}

/** An IPv4 address; of IPv6 the first 64 bits, for whoever has one address there has them all. */
export function networkOf(host: string): string {
  if (!host.includes(':')) return host;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  if (mapped !== null) return mapped[1];
  const [head, tail] = host.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + after.length < 8) groups.push('0');
  return `${[...groups, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
