/** SIP on the wire, RFC 3261 §18: UDP, TCP and TLS, IPv4 and IPv6. An edge: the only room of `sip` that owns sockets. */
export { PONG_MS, SILENT_MS } from './connection.ts';
export { Dns, type Questions, systemQuestions } from './dns.ts';
export { TransportError } from './errors.ts';
export { STREAM_BODY_MAX_BYTES, STREAM_HEAD_MAX_BYTES, StreamFramer } from './framing.ts';
export { SOURCES_MAX } from './limits.ts';
export { Resolver } from './resolver.ts';
export { isOwnAddress, sourceAddress } from './source.ts';
export { CONNECTIONS_MAX } from './streams.ts';
export type { TlsOptions } from './tls.ts';
export { type Passage, SipTransport } from './transport.ts';
export { responseTarget, stampVia } from './via.ts';
