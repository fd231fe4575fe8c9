/** Was that speech heard? Compares how loudness goes up and down, which codecs, levels and short losses leave alone. */

const frameMs = 20;

export interface Sound {
  samples: Int16Array;
  rateHz: number;
}

/**
 * Correlation of the loudness of `said` with the best-fitting stretch of `heard`: the same speech 0.9 and more, other speech
 * below 0.6, silence 0. `atMs`: where in `heard` it begins.
 */
export function likeness(said: Sound, heard: Sound): { match: number; atMs: number } {
  const wanted = loudness(said);
  const found = loudness(heard);
  let best = { match: 0, atMs: 0 };
  for (let lag = 0; lag + wanted.length <= found.length; lag++) {
    const match = correlation(wanted, found.subarray(lag, lag + wanted.length));
    if (match > best.match) best = { match, atMs: lag * frameMs };
  }
  return best;
}

/** Root mean square of each 20 ms. */
function loudness({ samples, rateHz }: Sound): Float64Array {
  const step = Math.round((rateHz * frameMs) / 1000);
  return Float64Array.from({ length: Math.floor(samples.length / step) }, (_, frame) => {
    let sum = 0;
    for (let at = frame * step; at < (frame + 1) * step; at++) sum += samples[at]! ** 2;
    return Math.sqrt(sum / step);
  });
}

function correlation(a: Float64Array, b: Float64Array): number {
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}
