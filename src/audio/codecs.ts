/** Every codec there is here, by the name SDP has for it. */
import { CodedError } from '../base/index.ts';
import type { CodecFormat, Decoder, Encoder } from './codec.ts';
import { alaw, ulaw } from './g711.ts';
import { l16Decoder, l16Encoder } from './l16.ts';

/** `code`: `codec-unknown`. */
export class CodecError extends CodedError {}

/** For one stream. `rateHz`: what will be made of its samples; a codec that can choose comes near it. */
export function makeDecoder(format: CodecFormat, _rateHz: number): Decoder {
  switch (format.encoding) {
    case 'PCMA':
      return alaw;
    case 'PCMU':
      return ulaw;
    case 'L16':
      return l16Decoder(format.clockRateHz, format.channels);
    default:
      throw unknown(format);
  }
}

/** For one stream. `rateHz`: what its samples are made of; `packetMs`: how much of it goes into each packet. */
export function makeEncoder(format: CodecFormat, _rateHz: number, _packetMs: number): Encoder {
  switch (format.encoding) {
    case 'PCMA':
      return alaw;
    case 'PCMU':
      return ulaw;
    case 'L16':
      return l16Encoder(format.clockRateHz);
    default:
      throw unknown(format);
  }
}

const unknown = ({ encoding }: CodecFormat): CodecError =>
  new CodecError('codec-unknown', `Cannot use the codec ${encoding}: it is not known here`);
