/**
 * Calls of libasound that a dead driver may keep for ever, made by the process's pool of threads. The disk and the look-up of
 * names live in the same four threads (koffi queues its work to libuv): however many drivers hang, one thread is left to them.
 */
const MOST_AT_ONCE = 3;

type Native = { async(...args: unknown[]): void };

let running = 0;
const waiting: (() => void)[] = [];

/** Resolves with the call's result, in its turn. Rejects only when koffi cannot make the call at all. */
export function inPool(call: unknown, ...args: unknown[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const begin = (): void => {
      running++;
      (call as Native).async(...args, (error: Error | null, result: number) => {
        running--;
        waiting.shift()?.();
        if (error) reject(error);
        else resolve(result);
      });
    };
    if (running < MOST_AT_ONCE) begin();
    else waiting.push(begin);
  });
}
