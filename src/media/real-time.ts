/** Real-time priority for the thread that asks for it: without it a busy main thread is heard (media.md §2: 27 ms against 1.4). */
import koffi from 'koffi';

const SCHED_FIFO = 1;
/** In the middle of the range, above the kernel's threaded interrupts of slow devices and below audio servers' own 60-90. */
const PRIORITY = 50;

/** True when granted. Unprivileged it takes `LimitRTPRIO=` of the unit, or CAP_SYS_NICE. */
export function becomeRealTime(): boolean {
  const setScheduler = koffi.load(null).func('int sched_setscheduler(int pid, int policy, void *parameter)');
  return setScheduler(0, SCHED_FIFO, new Int32Array([PRIORITY])) === 0;
}
