/** Whether a recording, taken at the virtual sound card, carries the speech it must. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Baresip } from './baresip.ts';
import type { SoundCards } from './soundcard.ts';
import type { TerminalProcess } from './terminal.ts';
import { cut, judge, readWav, toneDbfs, type Verdict } from './wav.ts';

/** Of the loudness envelopes; other speech stays below 0.5. */
const matchLimit = 0.85;
/**
 * On a busy machine the virtual card and the players and recorders around it skip or repeat 20 to 60 ms now and then
 * (`soundcard.ts`); a fault of the program comes back in each take.
 */
const takes = 3;

type Teller = { diagnostic(text: string): void };

export async function heard(
  t: Teller,
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

/** In a call that brings back what is said: `speech` (8 s) goes in at card `a`, and must come out there. */
export function echoed(t: Teller, cards: SoundCards, terminal: TerminalProcess, speech: string): Promise<void> {
  return heard(t, 'echo', async () => {
    const recording = join(terminal.directory, 'echo.wav');
    const recorded = cards.record('a', 10.5, recording);
    await cards.feed('a', speech);
    await recorded;
    return judge(readWav(recording), readWav(speech));
  });
}

/**
 * With a telephone that sends a tone of 600 Hz and records what it hears: the terminal on card `a` hears the tone, the telephone
 * `speech`. `connect` sets up a call and returns how to end it.
 */
export function bothHear(
  t: Teller,
  { cards, terminal, phone, speech }: { cards: SoundCards; terminal: TerminalProcess; phone: Baresip; speech: string },
  connect: () => Promise<() => Promise<unknown>>,
): Promise<void> {
  return heard(t, 'at the telephone', async () => {
    const closed = phone.events.items.length;
    const end = await connect();
    const recording = join(terminal.directory, 'heard.wav');
    const recorded = cards.record('a', 3, recording);
    await cards.feed('a', speech);
    await recorded;
    await end();
    await phone.event('CALL_CLOSED', 5_000, closed);
    // Piece by piece: where the jitter buffer stretches the tone its phase moves, and over the whole it would cancel itself.
    const tone = readWav(recording);
    const levels = Array.from({ length: 20 }, (_, i) => toneDbfs(cut(tone, 1_000 + 100 * i, 1_100 + 100 * i), 600));
    const heard = levels.filter((level) => level > -30).length;
    assert.ok(heard >= 18, `its tone of 600 Hz is heard in ${heard} of 20 pieces: ${levels.map(Math.round)} dBFS`);
    return judge(readWav(phone.recording), readWav(speech));
  });
}
