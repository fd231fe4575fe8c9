/** Session descriptions: RFC 8866 text, RFC 3264 offer and answer, RFC 4568 keys, RFC 5763 fingerprints. Pure. */

export { CODEC_NAMES, type CodecName } from './codecs.ts';
export type { CryptoLine, Encryption, Security } from './crypto.ts';
export { type Sdp, SdpSyntaxError } from './description.ts';
export type { DtlsAgreed } from './dtls.ts';
export { formatSdp } from './format.ts';
export {
  acceptAnswer,
  answerOffer,
  answerWithout,
  createOffer,
  endsSound,
  type LocalMedia,
  type Negotiated,
  soundHost,
  turnOffer,
} from './negotiate.ts';
export { parseSdp } from './parse.ts';
