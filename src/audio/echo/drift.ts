/**
 * Follows the clock of the microphone against the loudspeaker's. If the true echo comes `late` samples after its estimate, what is
 * left of it looks like the estimate's slope times -`late`; that is measured in each frame, and a loop of second order turns it
 * into a point to read the reference at and a speed. The filter then sees a room that stands still.
 */

/** The loop's natural frequency, rad per frame. */
const OMEGA = 0.01;
const DAMPING = 1;
/** The measurement is averaged over some 1 / AVERAGE frames. */
const AVERAGE = 0.05;
/** Clocks are never farther apart. */
const MOST = 500e-6;

/** Sweeps of the delay finder that a coarse speed is taken from, and by how much it has to disagree when all are there. */
const SWEEPS = 8;
const FEWEST = 5;
const COARSE = 60e-6;
/** Once the room is known, only lags that lie on a line to so many samples count. */
const STRAIGHT = 1.5;
/** Two sweeps farther apart than this, samples, are a jump and no drift. */
const JUMP = 24;

export class DriftLoop {
  readonly #lags = new Float64Array(SWEEPS);
  readonly #frames = new Float64Array(SWEEPS);
  #sweeps = 0;
  #now = 0;
  readonly #frame: number;
  #product = 0;
  #square = 0;
  /** Samples by which the echo is late, as last measured. */
  late = 0;
  /** Samples per sample by which the delay grows. */
  drift = 0;

  constructor(frame: number) {
    this.#frame = frame;
  }

  /** Forgets the measurement, not the speed. */
  restart(): void {
    this.#product = 0;
    this.#square = 0;
    this.late = 0;
  }

  /** Takes what a sweep of the delay finder found: clocks far apart show there before the filter has learned anything. */
  observe(lag: number, settled: boolean): void {
    if (this.#sweeps > 0 && Math.abs(lag - this.#lags[this.#sweeps - 1]) > JUMP) this.#sweeps = 0;
    if (this.#sweeps === SWEEPS) {
      this.#lags.copyWithin(0, 1);
      this.#frames.copyWithin(0, 1);
      this.#sweeps--;
    }
    this.#lags[this.#sweeps] = lag;
    this.#frames[this.#sweeps++] = this.#now;
    if (this.#sweeps < FEWEST) return;
    // The straight line through the sweeps, by least squares.
    const count = this.#sweeps;
    let meanLag = 0;
    let meanFrame = 0;
    for (let i = 0; i < count; i++) {
      meanLag += this.#lags[i] / count;
      meanFrame += this.#frames[i] / count;
    }
    let product = 0;
    let square = 0;
    for (let i = 0; i < count; i++) {
      product += (this.#frames[i] - meanFrame) * (this.#lags[i] - meanLag);
      square += (this.#frames[i] - meanFrame) ** 2;
    }
    const speed = product / square / this.#frame;
    const doubt = COARSE * (SWEEPS / count) ** 1.5;
    let off = 0;
    for (let i = 0; i < count; i++) {
      const line = meanLag + speed * this.#frame * (this.#frames[i] - meanFrame);
      off = Math.max(off, Math.abs(this.#lags[i] - line));
    }
    if (settled && (count < SWEEPS || off > STRAIGHT)) return;
    if (Math.abs(speed - this.drift) > doubt) this.drift = Math.max(-MOST, Math.min(MOST, speed));
  }

  /** Takes a frame's estimate and error. Returns by how many samples the reference is to be delayed more from now on. */
  follow(echo: Float32Array, error: Float32Array): number {
    this.#now++;
    const frame = this.#frame;
    let product = 0;
    let square = 0;
    let errorPower = 0;
    let echoPower = 0;
    for (let i = 1; i < frame - 1; i++) {
      const slope = 0.5 * (echo[i + 1] - echo[i - 1]);
      product -= error[i] * slope;
      square += slope * slope;
      errorPower += error[i] * error[i];
      echoPower += echo[i] * echo[i];
    }
    // A frame in which the estimate explains little (silence, somebody near, nothing learned yet) says little.
    if (echoPower > 100 * frame && errorPower < 2 * echoPower) {
      const weight = 1 / (errorPower + 0.01 * echoPower + frame);
      this.#product += AVERAGE * (product * weight - this.#product);
      this.#square += AVERAGE * (square * weight - this.#square);
      this.late = Math.max(-1, Math.min(1, this.#product / (this.#square + 1e-9)));
      this.drift += ((OMEGA * OMEGA) / frame) * this.late;
      this.drift = Math.max(-MOST, Math.min(MOST, this.drift));
      return this.drift * frame + 2 * DAMPING * OMEGA * this.late;
    }
    return this.drift * frame;
  }
}
