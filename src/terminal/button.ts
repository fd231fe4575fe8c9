/**
 * One button: edges become press, release and stuck. It is pressed from several sides at once: its line, the command
 * line, MQTT, the page; each is a contact of its own, so a jammed line takes nothing from the others.
 */
import { Timers } from '../base/index.ts';
import type { Source } from './types.ts';

const STUCK_MS = 60_000;
/** How long a press by software holds the button down when nothing is said. */
export const SOFT_PRESS_MS = 200;
export const SOFT_PRESS_MAX_MS = 600_000;

export type ButtonOutput =
  | { kind: 'press'; source: Source }
  | { kind: 'release'; source: Source; heldMs: number }
  /** Once when the first contact jams, once when the last jammed one lets go. */
  | { kind: 'stuck'; stuck: boolean; heldMs: number };

type Alarm = `${'release' | 'stuck'}:${Source}`;

/** Debounced edges in, what they mean out. `now`: ms, monotonic. */
export class Button {
  readonly #stuckMs: number;
  readonly #timers = new Timers<Alarm>();
  readonly #downSince = new Map<Source, number>();
  readonly #jammed = new Set<Source>();

  constructor(stuckMs: number = STUCK_MS) {
    this.#stuckMs = stuckMs;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  get pressed(): boolean {
    return this.#downSince.size > 0;
  }

  get stuck(): boolean {
    return this.#jammed.size > 0;
  }

  /** The contact of `source` closes or opens. A level it already has is no edge. */
  edge(active: boolean, source: Source, now: number): ButtonOutput[] {
    if (active === this.#downSince.has(source)) return [];
    return active ? this.#down(source, now) : this.#up(source, now);
  }

  /** A press by software, released here after `forMs`. One that is still held is let go first: each press counts. */
  press(source: Source, forMs: number, now: number): ButtonOutput[] {
    const outputs = this.#up(source, now);
    outputs.push(...this.#down(source, now));
    this.#timers.set(`release:${source}`, now + Math.min(Math.max(forMs, 0), SOFT_PRESS_MAX_MS));
    return outputs;
  }

  timeout(now: number): ButtonOutput[] {
    return this.#timers.run(now, (alarm) => {
      const [what, source] = alarm.split(':') as ['release' | 'stuck', Source];
      return what === 'release' ? this.#up(source, now) : this.#jam(source, now);
    });
  }

  #down(source: Source, now: number): ButtonOutput[] {
    this.#downSince.set(source, now);
    this.#timers.set(`stuck:${source}`, now + this.#stuckMs);
    return [{ kind: 'press', source }];
  }

  #up(source: Source, now: number): ButtonOutput[] {
    const since = this.#downSince.get(source);
    if (since === undefined) return [];
    this.#downSince.delete(source);
    this.#timers.clear(`release:${source}`, `stuck:${source}`);
    const heldMs = Math.round(now - since);
    const outputs: ButtonOutput[] = [{ kind: 'release', source, heldMs }];
    if (this.#jammed.delete(source) && !this.stuck) outputs.push({ kind: 'stuck', stuck: false, heldMs });
    return outputs;
  }

  #jam(source: Source, now: number): ButtonOutput[] {
    const first = !this.stuck;
    this.#jammed.add(source);
    return first ? [{ kind: 'stuck', stuck: true, heldMs: now - (this.#downSince.get(source) ?? now) }] : [];
  }
}
