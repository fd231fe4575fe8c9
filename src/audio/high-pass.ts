/** Takes away what lies below the voice: rumble, wind, mains hum, a constant. Butterworth, second order, in place. */

export class HighPass {
  readonly #b0: number;
  readonly #a1: number;
  readonly #a2: number;
  #s1 = 0;
  #s2 = 0;

  /** 3 dB less at `cutoffHz`, and 12 dB less for each octave below. */
  constructor(rateHz: number, cutoffHz: number) {
    const w = Math.tan((Math.PI * cutoffHz) / rateHz);
    const norm = 1 / (1 + Math.SQRT2 * w + w * w);
    this.#b0 = norm;
    this.#a1 = 2 * (w * w - 1) * norm;
    this.#a2 = (1 - Math.SQRT2 * w + w * w) * norm;
  }

  process(frame: Int16Array): void {
    const b0 = this.#b0;
    for (let i = 0; i < frame.length; i++) {
      const x = frame[i];
      const y = b0 * x + this.#s1;
      this.#s1 = -2 * b0 * x - this.#a1 * y + this.#s2;
      this.#s2 = b0 * x - this.#a2 * y;
      frame[i] = y > 32767 ? 32767 : y < -32768 ? -32768 : Math.round(y);
    }
  }
}
