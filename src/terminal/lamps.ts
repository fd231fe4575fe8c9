/** Lamps and relays follow the state of the terminal, unless an operator has set them by hand. Says something only on change. */
import type { LampState, OutputRule, TerminalAction } from './types.ts';
import { said } from './words.ts';

interface Light {
  on: boolean;
  blinkMs?: number;
}

export class Lamps {
  readonly #rules: Readonly<Record<string, OutputRule>>;
  readonly #shown = new Map<string, Light>();
  readonly #byHand = new Map<string, boolean>();
  #states: ReadonlySet<LampState> = new Set();

  constructor(rules: Readonly<Record<string, OutputRule>>) {
    this.#rules = rules;
  }

  get outputs(): Record<string, Light> {
    const all = Object.keys(this.#rules).map((output) => [output, this.#shown.get(output) ?? { on: false }] as const);
    return Object.fromEntries(all);
  }

  has(output: string): boolean {
    return Object.hasOwn(this.#rules, output);
  }

  /** `null`: follows the state again. */
  set(output: string, on: boolean | null): TerminalAction[] {
    if (on === null) this.#byHand.delete(output);
    else this.#byHand.set(output, on);
    return this.follow(this.#states);
  }

  follow(states: ReadonlySet<LampState>): TerminalAction[] {
    this.#states = states;
    return Object.keys(this.#rules).flatMap((output) => this.#show(output, this.#wanted(output)));
  }

  /** The program ends: everything off, whoever switched it on. */
  off(): TerminalAction[] {
    this.#byHand.clear();
    return this.follow(new Set());
  }

  #wanted(output: string): Light {
    const byHand = this.#byHand.get(output);
    if (byHand !== undefined) return { on: byHand };
    const { on, blinkMs } = this.#rules[output];
    if (!on.some((state) => this.#states.has(state))) return { on: false };
    return blinkMs === undefined ? { on: true } : { on: true, blinkMs };
  }

  /** What the line shows before the first word is not known, so that one is always said; it is news only when it is light. */
  #show(output: string, light: Light): TerminalAction[] {
    const shown = this.#shown.get(output);
    if (shown?.on === light.on && shown.blinkMs === light.blinkMs) return [];
    this.#shown.set(output, light);
    const actions: TerminalAction[] = [{ type: 'output', output, ...light }];
    if (shown !== undefined || light.on) actions.push(said({ type: 'output', output, ...light }));
    return actions;
  }
}
