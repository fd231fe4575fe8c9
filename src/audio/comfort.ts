/**
 * Comfort noise, RFC 3389: a pause is described by one byte of level, -dBov, and maybe by reflection coefficients of the noise's
 * spectrum, a byte each. Said for sound of a pause, and made again from what was said.
 *
 *    +-+-------------+---------------+---------------+---
 *    |0|    level    |      N1       |      N2       |  ...     k_i = 258 (N_i - 127) / 32768
 *    +-+-------------+---------------+---------------+---
 */

/** More coefficients are left out, as §3.2 allows. */
const MAX_ORDER = 16;
/** What we say: enough for the hum and hiss of a place. */
const ORDER = 8;
const FULL_SCALE = 32768;
const STEP = 258 / 32768;
/** Nearer to 1 it would be no noise any more but a whistle. */
const MOST_K = 0.98;
/** Level and spectrum of a later description are led to over so long. */
const RAMP_MS = 40;
/** Of its own, it never needs to be unguessable. */
const SEED = 0x2545f491;
/** A uniform distribution over -1 .. 1 has this power. */
const UNIFORM_POWER = 1 / 3;

/** Samples of the noise a description asks for. */
export class ComfortNoise {
  readonly #spectrum: boolean;
  readonly #rampStep: number;
  readonly #k = new Float64Array(MAX_ORDER);
  /** Backward errors of the lattice, one sample old. */
  readonly #b = new Float64Array(MAX_ORDER + 1);
  #order = 0;
  #gain = 0;
  #wantedGain = 0;
  #state = SEED;

  /** `spectrum`: the coefficients are of this rate; otherwise they say nothing here, and the noise is white. */
  constructor(rateHz: number, spectrum: boolean) {
    this.#spectrum = spectrum;
    this.#rampStep = 1000 / (RAMP_MS * rateHz);
  }

  /** False, and nothing changes, for an empty payload. */
  describe(payload: Uint8Array, offset: number, length: number): boolean {
    if (length < 1) return false;
    this.#order = this.#spectrum ? Math.min(MAX_ORDER, length - 1) : 0;
    // What a filter of these coefficients does to the power of what goes in.
    let power = UNIFORM_POWER;
    for (let i = 0; i < this.#order; i++) {
      const k = Math.max(-MOST_K, Math.min(MOST_K, STEP * (payload[offset + 1 + i] - 127)));
      this.#k[i] = k;
      power /= 1 - k * k;
    }
    const level = FULL_SCALE * 10 ** (-(payload[offset] & 127) / 20);
    this.#wantedGain = level / Math.sqrt(power);
    return true;
  }

  fill(to: Int16Array, at: number, count: number): void {
    const k = this.#k;
    const b = this.#b;
    for (let i = at; i < at + count; i++) {
      this.#gain += (this.#wantedGain - this.#gain) * this.#rampStep;
      // xorshift; all-pole lattice, from the last stage to the first.
      this.#state ^= this.#state << 13;
      this.#state ^= this.#state >>> 17;
      this.#state ^= this.#state << 5;
      let f = (this.#state / 2 ** 31) * this.#gain;
      for (let stage = this.#order - 1; stage >= 0; stage--) {
        f -= k[stage] * b[stage];
        b[stage + 1] = b[stage] + k[stage] * f;
      }
      b[0] = f;
      to[i] = Math.max(-32768, Math.min(32767, Math.round(f)));
    }
  }
}

/** Says how a pause sounds; keeps what it measured between packets. */
export class NoiseMeter {
  readonly #correlations = new Float64Array(ORDER + 1);
  readonly #smoothed = new Float64Array(ORDER + 1);
  readonly #a = new Float64Array(ORDER + 1);
  readonly #before = new Float64Array(ORDER + 1);
  #known = false;

  /** dBov of what was measured. */
  get levelDb(): number {
    return 10 * Math.log10(Math.max(this.#smoothed[0], 1e-3) / FULL_SCALE ** 2);
  }

  /** A packet of the pause; `count` samples, more than `ORDER`. */
  measure(samples: Int16Array, from: number, count: number): void {
    for (let lag = 0; lag <= ORDER; lag++) {
      let sum = 0;
      for (let i = from + lag; i < from + count; i++) sum += samples[i] * samples[i - lag];
      this.#correlations[lag] = sum / count;
      const weight = this.#known ? 0.2 : 1;
      this.#smoothed[lag] += (this.#correlations[lag] - this.#smoothed[lag]) * weight;
    }
    this.#known = true;
  }

  forget(): void {
    this.#known = false;
    this.#smoothed.fill(0);
  }

  /** Writes the description; returns its length. `spectrum`: with the coefficients. */
  format(to: Uint8Array, offset: number, spectrum: boolean): number {
    to[offset] = Math.max(0, Math.min(127, Math.round(-this.levelDb)));
    if (!spectrum) return 1;
    // Levinson and Durbin, with a little white noise below so that it never divides by nothing.
    const r = this.#smoothed;
    const a = this.#a;
    a.fill(0);
    a[0] = 1;
    let error = r[0] * 1.001 + 1;
    for (let i = 1; i <= ORDER; i++) {
      let sum = r[i];
      for (let j = 1; j < i; j++) sum += a[j] * r[i - j];
      const k = -sum / error;
      this.#before.set(a);
      for (let j = 1; j < i; j++) a[j] = this.#before[j] + k * this.#before[i - j];
      a[i] = k;
      error *= 1 - k * k;
      to[offset + i] = Math.max(0, Math.min(254, Math.round(127 + k / STEP)));
    }
    return 1 + ORDER;
  }
}
