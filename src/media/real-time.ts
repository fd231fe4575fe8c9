/** Real-time priority for the threads that carry sound: without it a busy machine is heard (27 ms against 1.4). */
import { readdirSync, readFileSync } from 'node:fs';
import koffi from 'koffi';

const SCHED_FIFO = 1;
/** In the middle of the range, above the kernel's threaded interrupts of slow devices and below audio servers' own 60-90. */
const PRIORITY = 50;
/** Threads that sound servers' client libraries start in this process: libpulse, PipeWire. */
const CLIENT_THREADS = ['threaded-ml', 'data-loop.0'];

/** True when granted. Unprivileged it takes `LimitRTPRIO=` of the unit, or CAP_SYS_NICE. `threadId` 0: the calling thread. */
export function becomeRealTime(threadId = 0): boolean {
  const setScheduler = koffi.load(null).func('int sched_setscheduler(int pid, int policy, void *parameter)');
  return setScheduler(threadId, SCHED_FIFO, new Int32Array([PRIORITY])) === 0;
}

/**
 * Where an ALSA device is really a sound server, its client library works in a thread of its own, and the media thread waits for
 * locks that this one holds: it must not be the slower of the two. A card of hardware has no such thread.
 */
export function liftClientThreads(): void {
  try {
    for (const threadId of readdirSync('/proc/self/task')) {
      const name = readFileSync(`/proc/self/task/${threadId}/comm`, 'latin1').trim();
      if (CLIENT_THREADS.includes(name)) becomeRealTime(Number(threadId));
    }
  } catch {
    // A thread that ended meanwhile, or no /proc: it goes on as it was.
  }
}
