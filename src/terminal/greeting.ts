/** What a plan says at the terminal while it rings: once, and until somebody talks. */
import type { Prompt } from './slice.ts';
import type { TerminalAction } from './types.ts';

export class Greeting {
  readonly #prompt: Prompt | undefined;
  #state: 'unplayed' | 'played' | 'over' = 'unplayed';

  constructor(prompt: Prompt | undefined) {
    this.#prompt = prompt;
  }

  play(): TerminalAction[] {
    if (this.#prompt === undefined || this.#state !== 'unplayed') return [];
    this.#state = 'played';
    return [{ type: 'prompt', prompt: this.#prompt }];
  }

  end(): TerminalAction[] {
    const playing = this.#state === 'played';
    this.#state = 'over';
    return playing ? [{ type: 'silence' }] : [];
  }
}
