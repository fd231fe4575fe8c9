/** Quiet hours: the most the loudspeaker may be, by the clock on the wall and by who is to be heard. */
import type { NightConfig } from '../config/index.ts';

/** No limit. */
const BY_DAY = 100;
/** Calls that go on when the night begins or ends hear it so late. */
const LOOKED_AT_MS = 10_000;

/** Percent. `minute`: since midnight; `priority`: of the loudest claim there is, undefined: nobody's. */
export function ceilingAt(night: NightConfig | undefined, minute: number, priority: number | undefined): number {
  if (night === undefined || (priority ?? 0) >= night.exceptPriority) return BY_DAY;
  const { fromMinute, toMinute, volume } = night;
  const within =
    fromMinute < toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute;
  return within ? volume : BY_DAY;
}

/** Keeps the loudspeaker below the ceiling of the hour. */
export class Night {
  readonly #config: NightConfig | undefined;
  readonly #priorities: () => number[];
  readonly #turn: (percent: number) => void;
  #ceiling = BY_DAY;
  #clock?: NodeJS.Timeout;

  /** `priorities`: of all who are to be heard now. */
  constructor(config: NightConfig | undefined, priorities: () => number[], turn: (percent: number) => void) {
    this.#config = config;
    this.#priorities = priorities;
    this.#turn = turn;
  }

  start(): void {
    if (this.#config !== undefined) this.#clock = setInterval(() => this.look(), LOOKED_AT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#clock);
  }

  /** Now, and whenever a call begins or ends. */
  look(): void {
    if (this.#config === undefined) return;
    const ceiling = ceilingAt(this.#config, minuteOf(new Date()), Math.max(0, ...this.#priorities()));
    if (ceiling !== this.#ceiling) this.#turn(ceiling);
    this.#ceiling = ceiling;
  }
}

/** Of the local clock: minutes since midnight. */
export const minuteOf = (time: Date): number => 60 * time.getHours() + time.getMinutes();
