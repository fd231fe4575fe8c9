/** The self-test of the sound: three tries, louder each; by hand, and by the clock outside quiet hours. Sans-IO. */
import type { Acoustics } from '../audio/index.ts';
import { type Baseline, judge, unfitAsBaseline } from './verdict.ts';

/** Of the tries. */
const LEVELS_DBFS = [-32, -26, -20];
/** By the clock it waits so long after the start, after something that was in the way, and after a failure. */
const START_MS = 5 * 60_000;
const LATER_MS = 10 * 60_000;
const AGAIN_MS = 60 * 60_000;
/** A measure takes 2.3 s; what has not answered by now will not. */
const LIMIT_MS = 20_000;

export interface SelfTestConfig {
  /** 0: only by hand. */
  everyMs: number;
  /** Minutes since midnight, local; from the one to before the other, over midnight where it must. */
  quiet?: { fromMinute: number; toMinute: number };
}

export interface Outcome {
  result: 'passed' | 'failed' | 'cut';
  /** `commissioning`: what was heard is what later tests are compared with. */
  kind: 'test' | 'commissioning';
  reason: string;
  by: string;
  tries: number;
  levelDbfs: number;
  acoustics?: Acoustics;
}

/** What the loudspeaker plays and the microphone hears, or why nothing. */
export type Heard = { acoustics: Acoustics } | { reason: string; cut: boolean };

export type SelfTestOutput =
  | { type: 'measure'; levelDbfs: number }
  /** Whoever measures may stop: nobody waits for it any more. */
  | { type: 'stop' }
  | { type: 'done'; outcome: Outcome }
  | { type: 'keep'; baseline: Baseline };

export class SelfTest {
  readonly #config: SelfTestConfig;
  #baseline: Baseline | undefined;
  #running: { by: string; kind: Outcome['kind']; tries: number; limitAt: number } | undefined;
  /** By the clock; only what was commissioned is tested unasked. */
  #dueAt: number;

  /** `sinceMs`: how long ago it was last done, as far as is known. */
  constructor(config: SelfTestConfig, baseline: Baseline | undefined, sinceMs: number | undefined, now: number) {
    this.#config = config;
    this.#baseline = baseline;
    this.#dueAt = now + Math.max(START_MS, config.everyMs - (sinceMs ?? config.everyMs));
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  get deadline(): number | undefined {
    if (this.#running !== undefined) return this.#running.limitAt;
    return this.#config.everyMs === 0 || this.#baseline === undefined ? undefined : this.#dueAt;
  }

  /** Nothing comes of it while one runs. */
  start(by: string, kind: Outcome['kind'], now: number): SelfTestOutput[] {
    if (this.#running !== undefined) return [];
    this.#running = { by, kind, tries: 0, limitAt: 0 };
    return this.#next(now);
  }

  /** What came of the last `measure`. */
  heard(heard: Heard, baselineTime: string, now: number): SelfTestOutput[] {
    const running = this.#running;
    if (running === undefined) return [];
    if ('reason' in heard) return this.#end(heard.cut ? 'cut' : 'failed', heard.reason, now);
    const { acoustics } = heard;
    const levelDbfs = LEVELS_DBFS[running.tries - 1];
    const last = running.tries === LEVELS_DBFS.length;
    if (running.kind === 'commissioning') {
      const unfit = unfitAsBaseline(acoustics);
      if (unfit !== undefined) return last ? this.#end('failed', unfit, now, acoustics) : this.#next(now);
      this.#baseline = { acoustics, levelDbfs, time: baselineTime };
      return [{ type: 'keep', baseline: this.#baseline }, ...this.#end('passed', 'kept as it is now', now, acoustics)];
    }
    const { passed, reason } = judge(acoustics, levelDbfs, this.#baseline);
    if (!passed && !last) return this.#next(now);
    return this.#end(passed ? 'passed' : 'failed', reason, now, acoustics);
  }

  /** Somebody presses, calls or pages. */
  cut(reason: string, now: number): SelfTestOutput[] {
    return this.#running === undefined ? [] : [{ type: 'stop' }, ...this.#end('cut', reason, now)];
  }

  /** `minute`: since midnight, local. `busy`: something goes on. */
  timeout(minute: number, busy: boolean, now: number): SelfTestOutput[] {
    if (now < (this.deadline ?? Number.POSITIVE_INFINITY)) return [];
    if (this.#running !== undefined)
      return [{ type: 'stop' }, ...this.#end('failed', 'the sound does not answer', now)];
    if (busy || this.#isQuiet(minute)) {
      this.#dueAt = now + LATER_MS;
      return [];
    }
    return this.start('schedule', 'test', now);
  }

  #isQuiet(minute: number): boolean {
    const { quiet } = this.#config;
    if (quiet === undefined) return false;
    const { fromMinute, toMinute } = quiet;
    return fromMinute < toMinute
      ? minute >= fromMinute && minute < toMinute
      : minute >= fromMinute || minute < toMinute;
  }

  #next(now: number): SelfTestOutput[] {
    const running = this.#running;
    if (running === undefined) return [];
    running.limitAt = now + LIMIT_MS;
    return [{ type: 'measure', levelDbfs: LEVELS_DBFS[running.tries++] }];
  }

  #end(result: Outcome['result'], reason: string, now: number, acoustics?: Acoustics): SelfTestOutput[] {
    const running = this.#running;
    if (running === undefined) return [];
    this.#running = undefined;
    const { everyMs } = this.#config;
    const wait = { passed: everyMs, failed: Math.min(everyMs, AGAIN_MS), cut: LATER_MS }[result];
    this.#dueAt = now + wait;
    const { by, kind, tries } = running;
    const levelDbfs = LEVELS_DBFS[tries - 1];
    return [{ type: 'done', outcome: { result, kind, reason, by, tries, levelDbfs, ...(acoustics && { acoustics }) } }];
  }
}
