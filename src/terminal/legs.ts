/** The phones that one call of ours rings: what became of each, and which of them is heard before it answers. */
import type { Rung } from './plan.ts';
import type { EndCause, TerminalAction } from './types.ts';

export interface Leg {
  uri: string;
  rung: Rung;
  conference?: boolean;
  state: 'calling' | 'ringing' | 'answered';
  /** Its side plays something before it answers. */
  early?: boolean;
}

export class Legs {
  readonly #call: string;
  readonly #legs = new Map<string, Leg>();
  /** What became of each peer, the last time it was tried. */
  readonly #fates = new Map<string, EndCause>();
  #count = 0;
  /** The leg whose early sound is heard. */
  #heard: string | undefined;

  /** `call`: its name is the beginning of theirs. */
  constructor(call: string) {
    this.#call = call;
  }

  get size(): number {
    return this.#legs.size;
  }

  /** By name, in the order they were rung. */
  get all(): [string, Leg][] {
    return [...this.#legs];
  }

  get names(): string[] {
    return [...this.#legs.keys()];
  }

  get(name: string | undefined): Leg | undefined {
    return name === undefined ? undefined : this.#legs.get(name);
  }

  ring(uri: string, rung: Rung): [string, Leg] {
    const name = `${this.#call}.${++this.#count}`;
    const leg: Leg = { uri, rung, state: 'calling' };
    this.#legs.set(name, leg);
    return [name, leg];
  }

  drop(name: string, { uri }: Leg, fate: EndCause): void {
    this.#legs.delete(name);
    this.#fates.set(uri, fate);
  }

  clear(): void {
    this.#legs.clear();
    this.#fates.clear();
    this.#heard = undefined;
  }

  /** Something is heard that plays before the answer. */
  get heard(): boolean {
    return this.#heard !== undefined;
  }

  /** Of several that play, the one that is heard already, else the first. `silent`: none; `talk`: who talks sounds anyway. */
  hear(silent: boolean, talk: string | undefined): TerminalAction[] {
    const before = this.#heard;
    const plays = (name: string | undefined): boolean => this.get(name)?.early === true;
    this.#heard = silent ? undefined : [before, ...this.#legs.keys()].find(plays);
    if (this.#heard === before) return [];
    const actions: TerminalAction[] = [];
    if (before !== undefined && this.#legs.has(before) && talk !== before)
      actions.push({ type: 'listen', call: before, speaker: false, microphone: false });
    if (this.#heard !== undefined) actions.push({ type: 'listen', call: this.#heard, microphone: false });
    return actions;
  }

  /** How it ends when nobody was reached. */
  get outcome(): { cause: EndCause; reason: string; allBusy: boolean } {
    const fates = [...this.#fates.values()];
    const nearest = (['no-answer', 'busy', 'declined'] as const).find((cause) => fates.includes(cause));
    const cause = nearest ?? fates.at(-1) ?? 'failed';
    const each = [...this.#fates].map(([uri, fate]) => `${uri} ${fate}`).join(', ');
    const allBusy = cause === 'busy' && fates.every((fate) => fate === 'busy');
    return { cause, reason: `reached nobody: ${each || 'the plan rings nobody'}`, allBusy };
  }
}
