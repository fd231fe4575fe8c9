/** Who reached nobody leaves word: a prompt, a tone, and what the microphone hears then. */
import type { MediaEngine } from '../media/types.ts';
import type { Prompt, TerminalInput } from '../terminal/types.ts';
import type { Recorder } from './recorder.ts';
import type { Sounds } from './sounds.ts';

/** The tone `warning` is over by then. */
const toneMs = 700;

export class LeaveWord {
  readonly #sounds: Sounds;
  readonly #media: MediaEngine;
  readonly #recorder: Recorder;
  readonly #tell: (input: TerminalInput) => void;
  /** Ends what goes on, by call. */
  readonly #stops = new Map<string, () => void>();

  constructor(sounds: Sounds, media: MediaEngine, recorder: Recorder, tell: (input: TerminalInput) => void) {
    this.#sounds = sounds;
    this.#media = media;
    this.#recorder = recorder;
    this.#tell = tell;
  }

  begin(call: string, prompt: Prompt | undefined, forMs: number): void {
    const over = (): void => this.#left(call, { reason: 'it was ended before the tone' });
    this.#stops.set(call, over);
    const beep = (): void => {
      if (this.#stops.get(call) !== over) return;
      this.#media.tone('warning', true);
      setTimeout(() => this.#stops.get(call) === over && this.#record(call, forMs), toneMs);
    };
    if (prompt === undefined) beep();
    // A prompt that is missing is a fault elsewhere; here it is only shorter.
    else this.#sounds.play(prompt, () => {}, beep);
  }

  over(call: string): void {
    this.#stops.get(call)?.();
  }

  #record(call: string, forMs: number): void {
    const stop = this.#recorder.message(this.#media, call, forMs, ({ state, durationMs, reason }, spoken) => {
      if (state === 'failed') this.#left(call, { reason });
      else this.#left(call, spoken ? { recordedMs: durationMs } : { reason: 'nobody spoke' });
    });
    this.#stops.set(call, stop);
  }

  #left(call: string, outcome: { recordedMs?: number; reason?: string }): void {
    if (this.#stops.delete(call)) this.#tell({ type: 'word-left', call, ...outcome });
  }
}
