/** Whether a recording, taken at the virtual sound card, carries the speech it must. */
import assert from 'node:assert/strict';
import type { Verdict } from './wav.ts';

/** Of the loudness envelopes; other speech stays below 0.5. */
const matchLimit = 0.85;
/**
 * On a busy machine the virtual card and the players and recorders around it skip or repeat 20 to 60 ms now and then
 * (`soundcard.ts`); a fault of the program comes back in each take.
 */
const takes = 3;

export async function heard(
  t: { diagnostic(text: string): void },
  what: string,
  take: () => Promise<Verdict>,
  gapLimitMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const verdicts: string[] = [];
  for (let i = 0; i < takes; i++) {
    const verdict = await take();
    const { match, clipped, gapMs, lagMs } = verdict;
    const text = `${what}: match ${match.toFixed(3)}, begins at ${lagMs} ms, longest gap ${gapMs} ms`;
    t.diagnostic(text);
    verdicts.push(text);
    assert.equal(clipped, 0, `${what}: ${clipped} samples are clipped`);
    if (match >= matchLimit && gapMs < gapLimitMs) return;
  }
  assert.fail(verdicts.join('; '));
}
