/** SIP messages: octets to objects and back, RFC 3261 §7, §19, §20, §25. Pure: no socket, no clock. */
export { formatNameAddr, type NameAddr, parseNameAddr, parseNameAddrs } from './address.ts';
export { type AuthValue, parseAuth } from './auth.ts';
export { isToken } from './codes.ts';
export { equalUris } from './equality.ts';
export { SipSyntaxError, shown } from './errors.ts';
export { detach } from './fields.ts';
export { formatMessage, shrinkTo } from './format.ts';
export type { Hop, HostPort, Transport } from './hop.ts';
export type { CSeq } from './message.ts';
export { type BodyPart, bodyPart, findPart, PART_DEPTH_MAX, PARTS_MAX } from './multipart.ts';
export { formatParams, type Params, quote } from './params.ts';
export { parseMessage, replyTo, type SipMessage } from './parse.ts';
export { reasonPhrase } from './reasons.ts';
export { createRequest, type RequestParts, SipRequest } from './request.ts';
export { createResponse, type ResponseOptions, SipResponse } from './response.ts';
export { parseParams, splitList } from './scanner.ts';
export {
  escapeUser,
  formatHostPort,
  formatUri,
  parseHostPort,
  parseUri,
  type SipUri,
  unescapeUri,
} from './uri.ts';
export { validate } from './validate.ts';
export { formatVia, parseVia, parseVias, type Via } from './via.ts';
