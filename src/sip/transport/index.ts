/** SIP on the wire, RFC 3261 §18: UDP, TCP and TLS, IPv4 and IPv6. An edge: the only room of `sip` that owns sockets. */
export { PONG_MS, SILENT_MS } from './connection.ts';
export { Dns, type DnsOptions, type Questions, systemQuestions } from './dns.ts';
export { TransportError } from './errors.ts';
export { type Frame, STREAM_BODY_MAX_BYTES, STREAM_HEAD_MAX_BYTES, StreamFramer } from './framing.ts';
export { type LimitOptions, SOURCES_MAX, type StrangerCounts } from './limits.ts';
export { Resolver, type ResolverOptions } from './resolver.ts';
export { isOwnAddress, sourceAddress } from './source.ts';
export { CONNECTIONS_MAX } from './streams.ts';
export type { TlsOptions } from './tls.ts';
export { type Passage, SipTransport, type SipTransportOptions } from './transport.ts';
export { responseTarget, stampVia } from './via.ts';
