/** Waiting for what happens, always with a limit, never for a time to pass. */

/**
 * Resolves with the first answer of `look` that is not undefined or false; asks every `everyMs`. For states that only
 * show when looked at (another program's table, a file). Fails after `limitMs`, naming `what`.
 */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  everyMs = 50,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** What has come so far and who waits for what will come. Everything is kept: a wait may look back. */
export class Inbox<T> {
  readonly items: T[] = [];
  readonly #waiting = new Set<(item: T) => void>();

  put(item: T): void {
    this.items.push(item);
    for (const offer of [...this.#waiting]) offer(item);
  }

  /** The first item from index `from` on that fits, come already or yet to come. */
  take(what: string, limitMs: number, fits: (item: T) => boolean, from = 0): Promise<T> {
    const index = this.items.findIndex((item, at) => at >= from && fits(item));
    if (index >= 0) return Promise.resolve(this.items[index]);
    return new Promise((resolve, reject) => {
      const offer = (item: T): void => {
        if (!fits(item)) return;
        clearTimeout(timer);
        this.#waiting.delete(offer);
        resolve(item);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(offer);
        reject(new Error(`waited ${limitMs} ms in vain for ${what}`));
      }, limitMs);
      this.#waiting.add(offer);
    });
  }
}
