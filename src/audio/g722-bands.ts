/**
 * The two sub-band coders of ITU-T G.722: ADPCM of 6 bits for 0 .. 4 kHz and of 2 bits for 4 .. 8 kHz, 8000 codes a second each.
 * Fixed point as the Recommendation has it, to the bit: its test sequences drive exactly this part. Names in capitals are its own.
 */

/** Of the lower band's 6 bits, how many are lost to data: 0 in mode 1 (64 kbit/s), 1 in mode 2, 2 in mode 3. */
export type LostBits = 0 | 1 | 2;

const saturate = (value: number): number => Math.max(-32768, Math.min(32767, value));

/** Table 16 ff.: the levels of the inverse quantizers, for 2, 4, 5 and 6 bits. */
const QM2 = Int16Array.of(-7408, -1616, 7408, 1616);
const QM4 = mirrored([20456, 12896, 8968, 6288, 4240, 2584, 1200], [0], [0]);
const QM5 = mirrored(
  [23352, 17560, 14120, 11664, 9752, 8184, 6864, 5712, 4696, 3784, 2960, 2208, 1520, 880],
  [-280, -280],
  [280, -280],
);
const QM6 = mirrored(
  [
    ...[24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576],
    ...[6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728],
  ],
  [-136, -136, -136, -136],
  [432, 136, -432, -136],
);
/** Decision levels of the lower band's quantizer. */
const Q6 = Int16Array.of(
  ...[0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650],
  ...[714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919],
);
/** What a code says about the scale factor: WL by RL42, WH by RH2. */
const LOWER_WEIGHTS = Int16Array.of(
  ...[-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60],
);
const HIGHER_WEIGHTS = Int16Array.of(798, -214, 798, -214);
/** ILB: 2048 * 2^(i/32). */
const ILB = Int16Array.of(
  ...[2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834],
  ...[2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008],
);

/** A quantizer's codes: first the negative levels, from the outermost in, then the same positive ones. */
function mirrored(levels: readonly number[], before: readonly number[], after: readonly number[]): Int16Array {
  return Int16Array.of(...before, ...levels.map((level) => -level), ...levels, ...after);
}

/** What both bands of both directions share: scale factor and adaptive predictor (blocks 3 and 4). */
class Band {
  readonly #nbLimit: number;
  readonly #shift: number;
  #nb = 0;
  /** Scale factor, DET. */
  det: number;
  /** The prediction: S, and its part from the zeros, SZ. */
  s = 0;
  #sz = 0;
  /** Poles: A1, A2; the last reconstructed signal R1 and the last partial ones P1, P2. */
  #a1 = 0;
  #a2 = 0;
  #r1 = 0;
  #p1 = 0;
  #p2 = 0;
  /** Zeros: B1 .. B6 and the last differences D1 .. D6. */
  readonly #b = new Int32Array(6);
  readonly #d = new Int32Array(6);

  constructor(nbLimit: number, shift: number, det: number) {
    this.#nbLimit = nbLimit;
    this.#shift = shift;
    this.det = det;
  }

  /** LOGSCL, SCALEL and their like for the higher band: `weight` of WL or WH. */
  scale(weight: number): void {
    const nb = ((this.#nb * 127) >> 7) + weight;
    this.#nb = Math.max(0, Math.min(this.#nbLimit, nb));
    const shift = this.#shift - (this.#nb >> 11);
    const level = ILB[(this.#nb >> 6) & 31];
    this.det = (shift < 0 ? level << -shift : level >> shift) << 2;
  }

  /** Takes the quantized difference of this sample and predicts the next. */
  predict(difference: number): void {
    const b = this.#b;
    const d = this.#d;
    const r0 = saturate(this.s + difference); // RECONS
    const p0 = saturate(this.#sz + difference); // PARREC
    const sign = p0 >> 15;
    const sameAsP1 = sign === this.#p1 >> 15;
    // UPPOL2
    const fourA1 = saturate(this.#a1 << 2);
    let a2 = (sameAsP1 ? (fourA1 === -32768 ? 32767 : -fourA1) : fourA1) >> 7;
    a2 += sign === this.#p2 >> 15 ? 128 : -128;
    a2 += (this.#a2 * 32512) >> 15;
    a2 = Math.max(-12288, Math.min(12288, a2));
    // UPPOL1
    const limit = 15360 - a2;
    const a1 = Math.max(-limit, Math.min(limit, ((this.#a1 * 32640) >> 15) + (sameAsP1 ? 192 : -192)));
    // UPZERO, DELAYA and FILTEZ
    const step = difference === 0 ? 0 : 128;
    const differenceSign = difference >> 15;
    let sz = 0;
    for (let i = 5; i >= 0; i--) {
      const zero = saturate(((b[i] * 32640) >> 15) + (d[i] >> 15 === differenceSign ? step : -step));
      const newer = i === 0 ? difference : d[i - 1];
      b[i] = zero;
      d[i] = newer;
      sz += (zero * saturate(newer << 1)) >> 15;
    }
    this.#sz = saturate(sz);
    // FILTEP and PREDIC
    const sp = ((a1 * saturate(r0 << 1)) >> 15) + ((a2 * saturate(this.#r1 << 1)) >> 15);
    this.s = saturate(saturate(sp) + this.#sz);
    this.#a1 = a1;
    this.#a2 = a2;
    this.#r1 = r0;
    this.#p2 = this.#p1;
    this.#p1 = p0;
  }
}

/** Codes are 6 bits; the 4 upper ones steer the adaptation, so that a decoder of any mode follows. */
export class LowerBand {
  readonly #band = new Band(18432, 8, 32);

  /** `xl`: 15 bits. */
  encode(xl: number): number {
    const { det, s } = this.#band;
    const difference = saturate(xl - s);
    const magnitude = difference < 0 ? ~difference : difference;
    let step = 1;
    while (step < 30 && magnitude >= (Q6[step] * det) >> 12) step++;
    const code = difference >= 0 ? 62 - step : step < 3 ? 64 - step : 34 - step;
    this.#adapt(code >> 2);
    return code;
  }

  /** Of a code of 6 bits as received, with what was lost of it; the result has 15 bits. */
  decode(code: number, lost: LostBits): number {
    const { det, s } = this.#band;
    const level = lost === 0 ? QM6[code] : lost === 1 ? QM5[code >> 1] : QM4[code >> 2];
    const value = saturate(s + ((det * level) >> 15));
    this.#adapt(code >> 2);
    return limited(value);
  }

  #adapt(code: number): void {
    const difference = (this.#band.det * QM4[code]) >> 15;
    this.#band.scale(LOWER_WEIGHTS[code]);
    this.#band.predict(difference);
  }
}

export class HigherBand {
  readonly #band = new Band(22528, 10, 8);

  /** `xh`: 15 bits; the code has 2. */
  encode(xh: number): number {
    const { det, s } = this.#band;
    const difference = saturate(xh - s);
    const magnitude = difference < 0 ? ~difference : difference;
    const far = magnitude >= (564 * det) >> 12;
    const code = difference < 0 ? (far ? 0 : 1) : far ? 2 : 3;
    this.#adapt(code);
    return code;
  }

  decode(code: number): number {
    const value = saturate(this.#band.s + ((this.#band.det * QM2[code]) >> 15));
    this.#adapt(code);
    return limited(value);
  }

  #adapt(code: number): void {
    const difference = (this.#band.det * QM2[code]) >> 15;
    this.#band.scale(HIGHER_WEIGHTS[code]);
    this.#band.predict(difference);
  }
}

/** LIMIT */
const limited = (value: number): number => Math.max(-16384, Math.min(16383, value));
