/**
 * G.711 A-law and µ-law, ITU-T G.711: 8000 Hz, one byte per sample. 16-bit samples here, full scale = overload point of the
 * law (µ-law's 14 and A-law's 13 bits, shifted up). Down by a table of 256 entries; up by arithmetic, for a table of 65536 would
 * cost each start 30 ms.
 */
import { type Decoder, type Encoder, NO_CONCEALMENT, ONLY_SOUND } from './codec.ts';

/** A code is sign, segment (3 bits) and step (4 bits); each segment's steps are twice as wide as those before. */
function alawToLinear(code: number): number {
  const value = code ^ 0x55; // even bits are sent inverted
  const segment = (value >> 4) & 7;
  const step = ((value & 15) << 4) + 8; // the middle of the step
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return value & 0x80 ? magnitude : -magnitude;
}

/** µ-law is the same with all bits inverted and a bias of 33 (of 14 bits), which makes the first segment like the others. */
function ulawToLinear(code: number): number {
  const value = ~code & 0xff;
  const magnitude = ((((value & 15) << 3) + 0x84) << ((value >> 4) & 7)) - 0x84;
  return value & 0x80 ? -magnitude : magnitude;
}

function linearToAlaw(sample: number): number {
  // 13 bits; negative values are mirrored about -1/2, so that both signs have 4096 of them.
  const value = sample >> 3;
  const magnitude = value < 0 ? ~value : value;
  const segment = magnitude < 32 ? 0 : 27 - Math.clz32(magnitude);
  const step = (segment < 2 ? magnitude >> 1 : magnitude >> segment) & 15;
  return ((value < 0 ? 0 : 0x80) | (segment << 4) | step) ^ 0x55;
}

function linearToUlaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), 32635) + 0x84;
  const segment = 24 - Math.clz32(magnitude);
  const step = (magnitude >> (segment + 3)) & 15;
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | step) & 0xff;
}

/** Both ways of one law. Has no memory, so one serves all streams. */
class Law implements Decoder, Encoder {
  readonly rateHz = 8000;
  readonly concealsMs = NO_CONCEALMENT.concealsMs;
  readonly conceal = NO_CONCEALMENT.conceal;
  readonly recover = NO_CONCEALMENT.recover;
  readonly made = ONLY_SOUND.made;
  readonly expectLoss = ONLY_SOUND.expectLoss;
  /** The byte that stands for silence. */
  readonly silence: number;
  readonly #down = new Int16Array(256);
  readonly #toCode: (sample: number) => number;

  constructor(toLinear: (code: number) => number, toCode: (sample: number) => number) {
    for (let code = 0; code < 256; code++) this.#down[code] = toLinear(code);
    this.#toCode = toCode;
    this.silence = toCode(0);
  }

  samplesIn(_payload: Uint8Array, _offset: number, length: number): number {
    return length;
  }

  decode(from: Uint8Array, offset: number, length: number, to: Int16Array, at: number): number {
    for (let i = 0; i < length; i++) to[at + i] = this.#down[from[offset + i]];
    return length;
  }

  encode(from: Int16Array, at: number, count: number, to: Uint8Array, offset: number): number {
    for (let i = 0; i < count; i++) to[offset + i] = this.#toCode(from[at + i]);
    return count;
  }
}

export const alaw = new Law(alawToLinear, linearToAlaw);
export const ulaw = new Law(ulawToLinear, linearToUlaw);
