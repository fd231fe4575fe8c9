/** The self-test of the sound, between its machine, the media thread, the clock on the wall and the disk. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/index.ts';
import type { MediaEngine, MediaEvent } from '../media/index.ts';
import { type Baseline, type Outcome, SelfTest, type SelfTestConfig, type SelfTestOutput } from '../selftest/index.ts';
import type { TerminalEvent, TerminalInput } from '../terminal/index.ts';
import { minuteOf } from './night.ts';
import { now } from './now.ts';

export interface SoundTested {
  readonly config: SelfTestConfig;
  readonly stateDirectory: string;
  readonly media: MediaEngine;
  readonly log: Logger;
  /** Something goes on. */
  readonly busy: () => boolean;
  readonly write: (event: TerminalEvent) => void;
  readonly tell: (input: TerminalInput) => void;
}

/** What is kept: how it was at commissioning, and when it was last tested, ms since 1970. */
interface Kept {
  baseline?: Baseline;
  testedAt?: number;
}

export class SoundTest {
  readonly #rooms: SoundTested;
  readonly #file: string;
  readonly #machine: SelfTest;
  #kept: Kept;
  /** The measure that is waited for. */
  #measure: string | undefined;
  /** How it ended, since the start of the service. */
  #last: string | null = null;
  #askers: ((outcome: Outcome) => void)[] = [];

  constructor(rooms: SoundTested) {
    this.#rooms = rooms;
    this.#file = join(rooms.stateDirectory, 'selftest.json');
    this.#kept = this.#read();
    const { baseline, testedAt } = this.#kept;
    // A clock that was set back since says nothing.
    const sinceMs = testedAt === undefined ? undefined : Math.max(0, Date.now() - testedAt);
    this.#machine = new SelfTest(rooms.config, baseline, sinceMs, now());
  }

  /** For `hailpoint status`. */
  get status(): { commissioned: string | null; last: string | null } {
    return { commissioned: this.#kept.baseline?.time ?? null, last: this.#last };
  }

  get deadline(): number | undefined {
    return this.#machine.deadline;
  }

  timeout(at: number): void {
    this.#perform(this.#machine.timeout(minuteOf(new Date()), this.#rooms.busy(), at));
  }

  /** `by`: who wants it. One that runs already is as good. */
  start(by: string, baseline: boolean): void {
    this.#perform(this.#machine.start(by, baseline ? 'commissioning' : 'test', now()));
  }

  /** Of the one that runs. */
  outcome(): Promise<Outcome> {
    return new Promise((resolve) => this.#askers.push(resolve));
  }

  heard(event: MediaEvent): void {
    if (event.type !== 'measured' || event.measure !== this.#measure) return;
    this.#perform(this.#machine.heard(event.measured, new Date().toISOString(), now()));
  }

  /** What the terminal does now is worth more than a test. */
  cut(reason: string): void {
    this.#perform(this.#machine.cut(reason, now()));
  }

  #perform(outputs: readonly SelfTestOutput[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case 'measure':
          this.#measure = this.#rooms.media.measure(output.levelDbfs);
          break;
        case 'stop':
          this.#measure = undefined;
          this.#rooms.media.stopMeasuring();
          break;
        case 'keep':
          this.#kept.baseline = { ...output.baseline };
          break;
        case 'done':
          this.#done(output.outcome);
      }
    }
  }

  #done(outcome: Outcome): void {
    const { result, kind, reason, by, tries, acoustics } = outcome;
    const { write, tell } = this.#rooms;
    write({ type: 'selftest', result, kind, reason, by, tries, ...(acoustics && rounded(acoustics)) });
    this.#last = `${result}: ${reason}`;
    if (result !== 'cut') {
      this.#kept.testedAt = Date.now();
      this.#keep();
      // A baseline that was not to be had says nothing against the one there is.
      if (kind === 'test' || result === 'passed')
        tell({ type: 'fault', fault: 'selftest', raised: result === 'failed', reason });
    }
    for (const asker of this.#askers.splice(0)) asker(outcome);
  }

  #read(): Kept {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as Kept;
    } catch {
      return {}; // the first start, or a file that was cut short: to be commissioned
    }
  }

  #keep(): void {
    try {
      mkdirSync(this.#rooms.stateDirectory, { recursive: true });
      writeFileSync(`${this.#file}.new`, `${JSON.stringify(this.#kept)}\n`, { flush: true });
      renameSync(`${this.#file}.new`, this.#file);
    } catch (error) {
      this.#rooms.log.warn('The self-test cannot be kept', { file: this.#file, reason: (error as Error).message });
    }
  }
}

type Figures = Pick<
  Extract<TerminalEvent, { type: 'selftest' }>,
  'clearDb' | 'gainDb' | 'delayMs' | 'bandsDb' | 'distortionPercent' | 'ambientDbfs'
>;

/** A tenth is as good as it gets. */
function rounded({ clearDb, gainDb, delayMs, bandsDb, distortionPercent, ambientDbfs }: Required<Figures>): Figures {
  const tenth = (value: number): number => Math.round(10 * value) / 10;
  return {
    clearDb: tenth(clearDb),
    gainDb: tenth(gainDb),
    delayMs: tenth(delayMs),
    bandsDb: bandsDb.map(tenth),
    distortionPercent: tenth(distortionPercent),
    ambientDbfs: tenth(ambientDbfs),
  };
}

/** The answer to whoever asked for it. */
export function inWords({ result, kind, reason }: Outcome): { ok: boolean; reason: string } {
  return { ok: result === 'passed', reason: kind === 'commissioning' ? `commissioning: ${reason}` : reason };
}
