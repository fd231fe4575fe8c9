/**
 * Whether what the loudspeaker plays is audible, by the microphone beside it: how the power that is heard follows the power that
 * is played, at the delay and in the reverberation in which it follows best. What does not follow is the surroundings. Looks at
 * powers of frames of 10 ms alone; the sound itself is not kept.
 */

/** Delays looked at, frames: card, server and room together. */
const LAGS = 40;
/**
 * Rooms looked at: how much of the sound is still there a frame later, and how strong its tail is beside the direct sound, as powers.
 * None; 0.2, 0.4 and 0.8 s of reverberation, as loud as the direct sound and much louder.
 */
const ROOMS = [
  { decay: 0, tail: 0 },
  ...[0.5, 0.7, 0.84].flatMap((decay) => [1, 5].map((tail) => ({ decay, tail: tail * (1 - decay) }))),
] as const;
/** Before that there is nothing to say. */
const LEAST_FRAMES = 100;
/** Correlation, and dB over the surroundings, that count as heard. */
const FOLLOWS = 0.4;
const HEARD_DB = 3;
/** A frame is played, not a pause, above this share of the mean power. */
const PLAYED = 0.1;
/** The quietest 50 ms are the surroundings too: how much louder these are on average. */
const QUIET_FRAMES = 5;
const QUIET_TO_MEAN = 1.5;
/** Below one step of the converter nothing is. */
const FLOOR = 0.1;

export interface Audible {
  heard: boolean;
  /** What is played over the surroundings, both as the microphone hears them. */
  overAmbientDb: number;
}

export class Audibility {
  /** What would be heard in each room, of the last frames; and the tails. */
  readonly #played = new Float64Array(LAGS * ROOMS.length);
  readonly #tails = new Float64Array(ROOMS.length);
  readonly #sumPlayed = new Float64Array(LAGS * ROOMS.length);
  readonly #sumSquares = new Float64Array(LAGS * ROOMS.length);
  readonly #sumProducts = new Float64Array(LAGS * ROOMS.length);
  #at = 0;
  #frames = 0;
  #sumHeard = 0;
  #sumHeardSquares = 0;
  #active = 0;
  #activeFrames = 0;
  #recent = 0;
  #quietest = Number.POSITIVE_INFINITY;

  /** Something else is played from now on. */
  reset(): void {
    for (const sums of [this.#played, this.#tails, this.#sumPlayed, this.#sumSquares, this.#sumProducts]) sums.fill(0);
    this.#frames = this.#sumHeard = this.#sumHeardSquares = this.#active = this.#activeFrames = this.#recent = 0;
    this.#quietest = Number.POSITIVE_INFINITY;
  }

  /** 10 ms of each, of the same tick. */
  put(played: Int16Array, heard: Int16Array): void {
    const loud = power(played);
    const mic = power(heard);
    this.#at = (this.#at + LAGS - 1) % LAGS;
    this.#frames++;
    this.#sumHeard += mic;
    this.#sumHeardSquares += mic * mic;
    for (let room = 0; room < ROOMS.length; room++) {
      const { decay, tail } = ROOMS[room];
      const first = room * LAGS;
      this.#played[first + this.#at] = loud + tail * this.#tails[room];
      this.#tails[room] = decay * this.#tails[room] + loud;
      for (let lag = 0; lag < LAGS; lag++) {
        const earlier = this.#played[first + ((this.#at + lag) % LAGS)];
        this.#sumPlayed[first + lag] += earlier;
        this.#sumSquares[first + lag] += earlier * earlier;
        this.#sumProducts[first + lag] += earlier * mic;
      }
    }
    if (loud > (PLAYED * this.#sumPlayed[0]) / this.#frames) {
      this.#active += loud;
      this.#activeFrames++;
    }
    this.#recent += mic / QUIET_FRAMES;
    if (this.#frames % QUIET_FRAMES > 0) return;
    this.#quietest = Math.min(this.#quietest, this.#recent);
    this.#recent = 0;
  }

  /** Undefined: too short, or nothing was played. */
  get result(): Audible | undefined {
    const frames = this.#frames;
    if (frames < LEAST_FRAMES || this.#activeFrames === 0 || this.#active === 0) return undefined;
    const meanHeard = this.#sumHeard / frames;
    const spreadHeard = this.#sumHeardSquares / frames - meanHeard ** 2;
    let best = 0;
    let gain = 0;
    let meanPlayed = 0;
    for (let i = 0; i < LAGS * ROOMS.length; i++) {
      const mean = this.#sumPlayed[i] / frames;
      const spread = this.#sumSquares[i] / frames - mean ** 2;
      const common = this.#sumProducts[i] / frames - mean * meanHeard;
      const correlation = common / Math.sqrt(Math.max(1e-9, spread * spreadHeard));
      if (correlation <= best) continue;
      best = correlation;
      gain = common / Math.max(1e-9, spread);
      meanPlayed = mean;
    }
    const rest = meanHeard - gain * meanPlayed;
    const ambient = Math.max(FLOOR, rest, QUIET_TO_MEAN * this.#quietest);
    const echo = (gain * this.#active) / this.#activeFrames;
    const overAmbientDb = Math.round(10 * Math.log10(Math.max(1e-3, echo / ambient)));
    return { heard: best >= FOLLOWS && overAmbientDb >= HEARD_DB, overAmbientDb: Math.max(0, overAmbientDb) };
  }
}

function power(frame: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < frame.length; i++) sum += frame[i] * frame[i];
  return sum / frame.length;
}
