/** SIP on the wire, RFC 3261 §18: UDP, TCP and TLS, IPv4 and IPv6. An edge: the only room of `sip` that owns sockets. */
export { Dns, type Questions } from './dns.ts';
export { Resolver } from './resolver.ts';
export { sourceAddress } from './source.ts';
export type { TlsOptions } from './tls.ts';
export { type Passage, SipTransport } from './transport.ts';
