/**
 * G.722 at 64 kbit/s, ITU-T G.722: 16000 samples a second, split by a quadrature mirror filter into two bands that are coded each
 * for itself (`g722-bands.ts`); a byte, higher band in the upper two bits, for every two samples. Samples have 16 bits here, of
 * which the Recommendation's 14 are the upper ones. Its RTP clock says 8000 by an old mistake (RFC 3551 §4.5.2).
 */
import { type Decoder, type Encoder, NO_CONCEALMENT, ONLY_SOUND } from './codec.ts';
import { HigherBand, type LostBits, LowerBand } from './g722-bands.ts';

/** Half of the 24 taps, which are the same from both ends: those of the even and, read backwards, of the odd samples. */
const MIRROR = Int16Array.of(3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11);
const PAIRS = MIRROR.length;

/** The last 12 pairs of samples, twice over, so that a window never wraps. */
class Mirror {
  readonly #first = new Int32Array(2 * PAIRS);
  readonly #second = new Int32Array(2 * PAIRS);
  #at = 0;
  /** Of the last pair put. */
  first = 0;
  second = 0;

  put(first: number, second: number): void {
    const at = this.#at;
    this.#first[at] = this.#first[at + PAIRS] = first;
    this.#second[at] = this.#second[at + PAIRS] = second;
    this.#at = at + 1 === PAIRS ? 0 : at + 1;
    let firsts = 0;
    let seconds = 0;
    for (let i = 0, k = this.#at; i < PAIRS; i++, k++) {
      firsts += this.#first[k] * MIRROR[i];
      seconds += this.#second[k] * MIRROR[PAIRS - 1 - i];
    }
    this.first = firsts;
    this.second = seconds;
  }
}

export class G722Encoder implements Encoder {
  readonly rateHz = 16000;
  readonly made = ONLY_SOUND.made;
  readonly expectLoss = ONLY_SOUND.expectLoss;
  readonly #mirror = new Mirror();
  readonly #lower = new LowerBand();
  readonly #higher = new HigherBand();

  /** `count` is even. */
  encode(from: Int16Array, at: number, count: number, to: Uint8Array, offset: number): number {
    const mirror = this.#mirror;
    const bytes = count >> 1;
    for (let i = 0; i < bytes; i++) {
      mirror.put(from[at + 2 * i], from[at + 2 * i + 1]);
      const low = (mirror.first + mirror.second) >> 14;
      const high = (mirror.second - mirror.first) >> 14;
      to[offset + i] = (this.#higher.encode(high) << 6) | this.#lower.encode(low);
    }
    return bytes;
  }
}

export class G722Decoder implements Decoder {
  readonly rateHz = 16000;
  readonly concealsMs = NO_CONCEALMENT.concealsMs;
  readonly conceal = NO_CONCEALMENT.conceal;
  readonly recover = NO_CONCEALMENT.recover;
  readonly #lost: LostBits;
  readonly #mirror = new Mirror();
  readonly #lower = new LowerBand();
  readonly #higher = new HigherBand();

  /** `lost`: how many of the lowest bits are data and not sound; RTP has none. */
  constructor(lost: LostBits = 0) {
    this.#lost = lost;
  }

  samplesIn(_payload: Uint8Array, _offset: number, length: number): number {
    return 2 * length;
  }

  decode(from: Uint8Array, offset: number, length: number, to: Int16Array, at: number): number {
    const mirror = this.#mirror;
    for (let i = 0; i < length; i++) {
      const code = from[offset + i];
      const low = this.#lower.decode(code & 63, this.#lost);
      const high = this.#higher.decode(code >> 6);
      mirror.put(low + high, low - high);
      to[at + 2 * i] = sample(mirror.second);
      to[at + 2 * i + 1] = sample(mirror.first);
    }
    return 2 * length;
  }
}

const sample = (sum: number): number => Math.max(-32768, Math.min(32767, sum >> 11));
