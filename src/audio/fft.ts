/**
 * Fourier transform of real signals whose length is a power of two, for what is no hurry (`vectors.ts` is for frames of sound).
 * Stockham's form (sorted by itself, between two arrays); nothing allocates after the constructor.
 */

export class RealFft {
  /** Samples in; the spectrum has `size / 2 + 1` bins. */
  readonly size: number;
  readonly bins: number;
  readonly #half: number;
  /** cos and sin of 2 pi k / half, for the twiddles of all passes, and of 2 pi k / size, to part even from odd samples. */
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #partCos: Float64Array;
  readonly #partSin: Float64Array;
  #aRe: Float64Array;
  #aIm: Float64Array;
  #bRe: Float64Array;
  #bIm: Float64Array;

  constructor(size: number) {
    const half = size / 2;
    if (size < 4 || !Number.isInteger(Math.log2(size))) throw new RangeError(`No transform of ${size} samples`);
    this.size = size;
    this.bins = half + 1;
    this.#half = half;
    this.#cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / half));
    this.#sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / half));
    this.#partCos = Float64Array.from({ length: half + 1 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.#partSin = Float64Array.from({ length: half + 1 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
    this.#aRe = new Float64Array(half);
    this.#aIm = new Float64Array(half);
    this.#bRe = new Float64Array(half);
    this.#bIm = new Float64Array(half);
  }

  /** `size` samples of `time` to `bins` bins of `re` and `im` at `at`; unscaled. */
  forward(time: Float64Array, re: Float64Array, im: Float64Array, at = 0): void {
    const half = this.#half;
    for (let k = 0; k < half; k++) {
      this.#aRe[k] = time[2 * k];
      this.#aIm[k] = time[2 * k + 1];
    }
    this.#transform();
    const zRe = this.#aRe;
    const zIm = this.#aIm;
    re[at] = zRe[0] + zIm[0];
    im[at] = 0;
    re[at + half] = zRe[0] - zIm[0];
    im[at + half] = 0;
    for (let k = 1; k < half; k++) {
      const evenRe = 0.5 * (zRe[k] + zRe[half - k]);
      const evenIm = 0.5 * (zIm[k] - zIm[half - k]);
      const oddRe = 0.5 * (zIm[k] + zIm[half - k]);
      const oddIm = -0.5 * (zRe[k] - zRe[half - k]);
      const cos = this.#partCos[k];
      const sin = this.#partSin[k];
      re[at + k] = evenRe + cos * oddRe + sin * oddIm;
      im[at + k] = evenIm + cos * oddIm - sin * oddRe;
    }
  }

  /** `bins` bins at `at` back to `size` samples; `inverse(forward(x))` is x. */
  inverse(re: Float64Array, im: Float64Array, time: Float64Array, at = 0): void {
    const half = this.#half;
    const scale = 0.5 / half;
    for (let k = 0; k < half; k++) {
      const a = at + k;
      const b = at + half - k;
      const sumRe = re[a] + re[b];
      const sumIm = im[a] - im[b];
      const differenceRe = re[a] - re[b];
      const differenceIm = im[a] + im[b];
      const cos = this.#partCos[k];
      const sin = this.#partSin[k];
      // Real and imaginary part change places: that turns the forward transform into the inverse.
      this.#aIm[k] = scale * (sumRe - cos * differenceIm - sin * differenceRe);
      this.#aRe[k] = scale * (sumIm + cos * differenceRe - sin * differenceIm);
    }
    this.#transform();
    for (let k = 0; k < half; k++) {
      time[2 * k] = this.#aIm[k];
      time[2 * k + 1] = this.#aRe[k];
    }
  }

  /** The complex transform of `#aRe`, `#aIm`, in place as seen from outside. */
  #transform(): void {
    let length = this.#half;
    let stride = 1;
    while (length > 1) {
      const radix = length % 4 === 0 ? 4 : 2;
      if (radix === 4) this.#pass4(length / 4, stride);
      else this.#pass2(length / 2, stride);
      const re = this.#aRe;
      const im = this.#aIm;
      this.#aRe = this.#bRe;
      this.#aIm = this.#bIm;
      this.#bRe = re;
      this.#bIm = im;
      length /= radix;
      stride *= radix;
    }
  }

  #pass2(m: number, stride: number): void {
    const aRe = this.#aRe;
    const aIm = this.#aIm;
    const bRe = this.#bRe;
    const bIm = this.#bIm;
    for (let p = 0; p < m; p++) {
      const cos = this.#cos[p * stride];
      const sin = this.#sin[p * stride];
      for (let q = 0; q < stride; q++) {
        const from = q + stride * p;
        const other = from + stride * m;
        const to = q + stride * 2 * p;
        const re = aRe[from] - aRe[other];
        const im = aIm[from] - aIm[other];
        bRe[to] = aRe[from] + aRe[other];
        bIm[to] = aIm[from] + aIm[other];
        bRe[to + stride] = re * cos + im * sin;
        bIm[to + stride] = im * cos - re * sin;
      }
    }
  }

  #pass4(m: number, stride: number): void {
    const aRe = this.#aRe;
    const aIm = this.#aIm;
    const bRe = this.#bRe;
    const bIm = this.#bIm;
    const step = stride * m;
    for (let p = 0; p < m; p++) {
      const cos1 = this.#cos[p * stride];
      const sin1 = this.#sin[p * stride];
      const cos2 = cos1 * cos1 - sin1 * sin1;
      const sin2 = 2 * cos1 * sin1;
      const cos3 = cos1 * cos2 - sin1 * sin2;
      const sin3 = sin1 * cos2 + cos1 * sin2;
      for (let q = 0; q < stride; q++) {
        const from = q + stride * p;
        const sum02Re = aRe[from] + aRe[from + 2 * step];
        const sum02Im = aIm[from] + aIm[from + 2 * step];
        const less02Re = aRe[from] - aRe[from + 2 * step];
        const less02Im = aIm[from] - aIm[from + 2 * step];
        const sum13Re = aRe[from + step] + aRe[from + 3 * step];
        const sum13Im = aIm[from + step] + aIm[from + 3 * step];
        const less13Re = aRe[from + step] - aRe[from + 3 * step];
        const less13Im = aIm[from + step] - aIm[from + 3 * step];
        const to = q + stride * 4 * p;
        bRe[to] = sum02Re + sum13Re;
        bIm[to] = sum02Im + sum13Im;
        const re1 = less02Re + less13Im;
        const im1 = less02Im - less13Re;
        bRe[to + stride] = re1 * cos1 + im1 * sin1;
        bIm[to + stride] = im1 * cos1 - re1 * sin1;
        const re2 = sum02Re - sum13Re;
        const im2 = sum02Im - sum13Im;
        bRe[to + 2 * stride] = re2 * cos2 + im2 * sin2;
        bIm[to + 2 * stride] = im2 * cos2 - re2 * sin2;
        const re3 = less02Re - less13Im;
        const im3 = less02Im + less13Re;
        bRe[to + 3 * stride] = re3 * cos3 + im3 * sin3;
        bIm[to + 3 * stride] = im3 * cos3 - re3 * sin3;
      }
    }
  }
}
