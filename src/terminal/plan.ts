/** Where a call plan stands: which step of which cycle rings next, and when. No calls here, only the counting. */
import type { CallPlan, CallStep } from './types.ts';

/** A cycle in which everything failed at once is not followed by the next one sooner than this after its start. */
const CYCLE_MIN_MS = 2000;

/** What `dial` without a plan is: one number, a minute. */
const DIAL_FOR_MS = 60_000;

export interface Rung {
  step: CallStep;
  /** From 1. */
  stepNumber: number;
  cycle: number;
}

/** The steps as they are rung: of a race all at once, each number once, for as long as the longest step. */
export function stepsOf({ steps, race }: CallPlan): readonly CallStep[] {
  if (race !== true || steps.length < 2) return steps;
  const ring = [...new Set(steps.flatMap((step) => step.ring))];
  return [{ ring, forMs: Math.max(...steps.map(({ forMs }) => forMs)) }];
}

export class PlanCursor {
  readonly #steps: readonly CallStep[];
  readonly #cycles: number;
  #stepIndex = -1;
  #cycle = 1;
  #cycleStartedMs: number;

  constructor(plan: CallPlan, now: number) {
    this.#steps = stepsOf(plan);
    this.#cycles = plan.cycles;
    this.#cycleStartedMs = now;
  }

  /** The next step to ring, the time at which to ask again, or undefined: the plan is exhausted. */
  next(now: number): Rung | { waitUntilMs: number } | undefined {
    const steps = this.#steps;
    if (this.#stepIndex + 1 >= steps.length) {
      if (this.#cycle >= this.#cycles || steps.length === 0) return undefined;
      const waitUntilMs = this.#cycleStartedMs + CYCLE_MIN_MS;
      if (now < waitUntilMs) return { waitUntilMs };
      this.#cycle++;
      this.#cycleStartedMs = now;
      this.#stepIndex = -1;
    }
    this.#stepIndex++;
    return { step: steps[this.#stepIndex], stepNumber: this.#stepIndex + 1, cycle: this.#cycle };
  }
}

/** A plan for one number that nobody wrote down. */
export function planFor(target: string, priority: number): CallPlan {
  return {
    steps: [{ ring: [target], forMs: DIAL_FOR_MS }],
    cycles: 1,
    priority,
    limitMs: 600_000,
    warningMs: 10_000,
    prolong: '#',
    interrupted: 'hold',
  };
}
