/** A gain that goes evenly to where it should be, a frame at a time. */

/** From silence to full. */
const FADE_MS = 125;
const FRAME_MS = 10;
/** 20 dB less. */
export const DUCKED = 0.1;

export class Fade {
  /** At the end of the last frame. */
  gain = 0;

  /** One frame nearer to `goal`. `atOnce`: all of it within the frame, for a sound that begins. Returns the gain at its end. */
  step(goal: number, atOnce = false): number {
    const most = atOnce ? 1 : FRAME_MS / FADE_MS;
    this.gain += Math.max(-most, Math.min(most, goal - this.gain));
    return this.gain;
  }
}
