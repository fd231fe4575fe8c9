/** Codecs of other people, for a second opinion: ffmpeg, opus-tools. Each is there or its tests are skipped aloud. */
import { execFileSync, spawnSync } from 'node:child_process';

/** False, or why tests that need `program` are skipped. */
export const without = (program: string): string | false =>
  spawnSync(program, ['-version']).error !== undefined && `no ${program} here`;

export const bytesOf = (samples: Int16Array): Buffer =>
  Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

export function samplesOf(bytes: Uint8Array): Int16Array {
  return new Int16Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 1);
}

/** What ffmpeg makes of `input`. Arguments: those of the input and of the output, `-i` between them is implied. */
export function ffmpeg(input: Uint8Array, from: readonly string[], to: readonly string[]): Buffer {
  const args = ['-loglevel', 'error', ...from, '-i', 'pipe:0', ...to, 'pipe:1'];
  return execFileSync('ffmpeg', args, { input, maxBuffer: 1 << 28 });
}
