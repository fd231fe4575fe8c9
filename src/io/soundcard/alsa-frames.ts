/**
 * Between the mono 16 bits of the engine and what a card of hardware insists on: several channels, 24 or 32 bits. The
 * loudspeaker gets the same on each channel. The microphone is the mean of those channels that have ever said anything: a
 * single I2S microphone is one channel of two, and the other is all zeros.
 */

/** Best first, with the numbers of `snd_pcm_format_t`: s16, s32, s24 in four bytes, s24 in three; little-endian, as every board here. */
export const FORMATS = { s16: 2, s32: 10, s24: 6, 's24-3': 32 } as const;

export type SampleFormat = keyof typeof FORMATS;

export const MAX_CHANNELS = 32;

export class Interleaved {
  /** What is given to `writei` and `readi`. */
  readonly buffer: Int16Array | Int32Array | Uint8Array;
  /** Of one frame in `buffer`, in its elements. */
  readonly frameLength: number;
  readonly #format: SampleFormat;
  readonly #channels: number;
  readonly #alive: Uint8Array;
  #aliveCount = 0;

  constructor(format: SampleFormat, channels: number, frames: number) {
    this.#format = format;
    this.#channels = channels;
    this.frameLength = format === 's24-3' ? 3 * channels : channels;
    const length = frames * this.frameLength;
    this.buffer =
      format === 's16' ? new Int16Array(length) : format === 's24-3' ? new Uint8Array(length) : new Int32Array(length);
    this.#alive = new Uint8Array(channels);
  }

  /** The first `count` samples of `mono` into `buffer`. */
  spread(mono: Int16Array, count: number): void {
    const { buffer } = this;
    const channels = this.#channels;
    let at = 0;
    for (let i = 0; i < count; i++) {
      for (let channel = 0; channel < channels; channel++) {
        switch (this.#format) {
          case 's16':
            buffer[at++] = mono[i];
            break;
          case 's32':
            buffer[at++] = mono[i] << 16;
            break;
          case 's24':
            buffer[at++] = mono[i] << 8;
            break;
          case 's24-3':
            buffer[at++] = 0;
            buffer[at++] = mono[i];
            buffer[at++] = mono[i] >> 8;
        }
      }
    }
  }

  /** The whole of `mono` from `buffer`. */
  gather(mono: Int16Array): void {
    const channels = this.#channels;
    const alive = this.#alive;
    for (let i = 0; i < mono.length; i++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) {
        const sample = this.#sample(i * channels + channel);
        sum += sample;
        if (sample !== 0 && alive[channel] === 0) {
          alive[channel] = 1;
          this.#aliveCount++;
        }
      }
      const value = sum / Math.max(1, this.#aliveCount);
      mono[i] = value > 32767 ? 32767 : Math.round(value);
    }
  }

  /** In units of 16 bits, with its fraction. */
  #sample(index: number): number {
    const { buffer } = this;
    switch (this.#format) {
      case 's16':
        return buffer[index];
      case 's32':
        return buffer[index] / 65536;
      case 's24':
        // The top byte is not the card's to fill.
        return (buffer[index] << 8) / 65536;
      case 's24-3': {
        const at = 3 * index;
        return ((buffer[at] << 8) | (buffer[at + 1] << 16) | (buffer[at + 2] << 24)) / 65536;
      }
    }
  }
}
