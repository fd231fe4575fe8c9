/** Every codec there is here, by the name SDP has for it. */
import { CodecError, type CodecFormat, type Decoder, type Encoder } from './codec.ts';
import { alaw, ulaw } from './g711.ts';
import { G722Decoder, G722Encoder } from './g722.ts';
import { l16Decoder, l16Encoder } from './l16.ts';
import { OpusDecoder, OpusEncoder } from './opus.ts';
import { PausingEncoder } from './pauses.ts';

/** For one stream. `rateHz`: what will be made of its samples; a codec that can choose comes near it. Throws `CodecError`. */
export function makeDecoder(format: CodecFormat, rateHz: number): Decoder {
  switch (format.encoding) {
    case 'PCMA':
      return alaw;
    case 'PCMU':
      return ulaw;
    case 'G722':
      return new G722Decoder();
    case 'OPUS':
      return new OpusDecoder(rateHz);
    case 'L16':
      return l16Decoder(format.clockRateHz, format.channels);
    default:
      throw unknown(format);
  }
}

/** How pauses are left out: by the codec, or by comfort noise, where the other side knows it. */
export type Pauses = 'sent' | 'left-out' | 'noise';

/** For one stream. `rateHz`: what its samples are made of. Throws `CodecError`. */
export function makeEncoder(format: CodecFormat, rateHz: number, pauses: Pauses): Encoder {
  const encoder = soundEncoder(format, rateHz, pauses !== 'sent');
  return pauses === 'noise' ? new PausingEncoder(encoder, encoder.rateHz === format.clockRateHz) : encoder;
}

function soundEncoder(format: CodecFormat, rateHz: number, pauses: boolean): Encoder {
  switch (format.encoding) {
    case 'PCMA':
      return alaw;
    case 'PCMU':
      return ulaw;
    case 'G722':
      return new G722Encoder();
    case 'OPUS':
      return new OpusEncoder(format.opus ?? {}, rateHz, pauses);
    case 'L16':
      return l16Encoder(format.clockRateHz);
    default:
      throw unknown(format);
  }
}

const unknown = ({ encoding }: CodecFormat): CodecError =>
  new CodecError('codec-unknown', `Cannot use the codec ${encoding}: it is not known here`);
