/** L16, RFC 3551 §4.5.11: samples as they are, 16 bits, the high byte first; of several channels the mean is heard. */
import { type Decoder, type Encoder, NO_CONCEALMENT, ONLY_SOUND } from './codec.ts';

export function l16Decoder(rateHz: number, channels: number): Decoder {
  const frameBytes = 2 * channels;
  return {
    ...NO_CONCEALMENT,
    rateHz,
    samplesIn: (_payload, _offset, length) => Math.floor(length / frameBytes),
    decode(payload, offset, length, to, at) {
      const count = Math.floor(length / frameBytes);
      for (let i = 0, byte = offset; i < count; i++) {
        let sum = 0;
        for (let channel = 0; channel < channels; channel++, byte += 2)
          sum += ((payload[byte] << 24) >> 16) | payload[byte + 1];
        to[at + i] = channels === 1 ? sum : Math.round(sum / channels);
      }
      return count;
    },
  };
}

export function l16Encoder(rateHz: number): Encoder {
  return {
    ...ONLY_SOUND,
    rateHz,
    encode(from, at, count, to, offset) {
      for (let i = 0; i < count; i++) {
        to[offset + 2 * i] = from[at + i] >> 8;
        to[offset + 2 * i + 1] = from[at + i];
      }
      return 2 * count;
    },
  };
}
