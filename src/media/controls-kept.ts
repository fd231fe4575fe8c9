/**
 * What the mixer controls of each card were before they were set, on disk: who was killed, or lost its power, cannot put them back, but
 * whoever starts next can at its end.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../base/index.ts';
import type { ControlsBefore } from '../io/soundcard/index.ts';

export class ControlsKept {
  readonly #file: string | undefined;
  readonly #logger: Logger;
  /** By card. */
  readonly before = new Map<string, ControlsBefore>();
  #written = '';

  /** `file`: absent: none is kept. */
  constructor(file: string | undefined, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
    if (file === undefined) return;
    try {
      this.#written = readFileSync(file, 'utf8');
      const cards: Record<string, Record<string, never>> = JSON.parse(this.#written);
      for (const [card, controls] of Object.entries(cards)) this.before.set(card, new Map(Object.entries(controls)));
    } catch {
      // There is none: all were put back.
    }
  }

  /** Writes them down, if anything has changed. */
  keep(): void {
    const file = this.#file;
    const controls = [...this.before].filter(([, before]) => before.size > 0);
    const text = JSON.stringify(
      Object.fromEntries(controls.map(([card, before]) => [card, Object.fromEntries(before)])),
    );
    if (file === undefined || text === this.#written || (controls.length === 0 && this.#written === '')) return;
    this.#written = text;
    try {
      if (controls.length === 0) return rmSync(file, { force: true });
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { flush: true });
    } catch (error) {
      this.#logger.warn('cannot keep what the mixer controls were', { file, error: (error as Error).message });
    }
  }
}
