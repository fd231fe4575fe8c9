/** SIP messages: octets to objects and back, RFC 3261 §7, §19, §20, §25. Pure: no socket, no clock. */
export { formatNameAddr, parseNameAddr } from './address.ts';
export { parseAuth } from './auth.ts';
export { equalUris } from './equality.ts';
export { readOr, SipSyntaxError, shown } from './errors.ts';
export { detach } from './fields.ts';
export { formatMessage, shrinkTo } from './format.ts';
export { type Hop, type HostPort, networkOf, type Transport } from './hop.ts';
export { type BodyPart, bodyPart, findPart } from './multipart.ts';
export { type Params, quote } from './params.ts';
export { parseMessage, replyTo, type SipMessage } from './parse.ts';
export { reasonPhrase } from './reasons.ts';
export { createRequest, SipRequest } from './request.ts';
export { createResponse, SipResponse } from './response.ts';
export { parseParams, splitList } from './scanner.ts';
export { escapeUser, formatHostPort, formatUri, parseUri, type SipUri, unescapeUri } from './uri.ts';
export { validate } from './validate.ts';
export { formatVia } from './via.ts';
