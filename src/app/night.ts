/** Quiet hours: the most the loudspeaker may be, by the clock on the wall and by who is to be heard. */
import type { NightConfig } from '../config/index.ts';

/** No limit. */
const BY_DAY = 100;

/** Percent. `minute`: since midnight; `priority`: of the loudest claim there is, undefined: nobody's. */
export function ceilingAt(night: NightConfig | undefined, minute: number, priority: number | undefined): number {
  if (night === undefined || (priority ?? 0) >= night.exceptPriority) return BY_DAY;
  const { fromMinute, toMinute, volume } = night;
  const within =
    fromMinute < toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute;
  return within ? volume : BY_DAY;
}

/** Of the local clock: minutes since midnight. */
export const minuteOf = (time: Date): number => 60 * time.getHours() + time.getMinutes();
