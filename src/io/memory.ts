/** Memory given back to the system when there is time for it: after a flood, and what the start has left behind. An edge. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import koffi from 'koffi';
import { letGoOfFiles } from './mapped.ts';

/** How often it is looked. */
const LOOK_MS = 5_000;
/** What must have come together before it is worth the pause, MB: when nothing goes on, and while there is a call. */
const WORTH_MB = { idle: 6, engaged: 16 };
/** After a pause that gained less, the next one waits for so many looks, then for twice as many. */
const REST_LOOKS = 6;
const REST_LOOKS_MAX = 120;

export class MemoryKeeper {
  readonly #state: () => 'idle' | 'engaged' | 'busy';
  #timer: NodeJS.Timeout | undefined;
  /** The least there ever was afterwards, MB. */
  #floor = 0;
  #rest = REST_LOOKS;
  #resting = 0;

  /** `state`, asked at each look: `busy` when a pause of up to 0.1 s would be noticed. Sound has a thread of its own. */
  constructor(state: () => 'idle' | 'engaged' | 'busy') {
    this.#state = state;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const state = this.#state();
    const before = ownMb();
    if (this.#resting > 0) this.#resting--;
    if (state === 'busy' || this.#resting > 0 || before < this.#floor + WORTH_MB[state]) return;
    giveBack();
    // Once is enough: what comes back is needed.
    if (this.#floor === 0) letGoOfFiles();
    const after = ownMb();
    if (this.#floor === 0 || after < this.#floor) this.#floor = after;
    this.#rest = before - after < WORTH_MB[state] ? Math.min(2 * this.#rest, REST_LOOKS_MAX) : REST_LOOKS;
    this.#resting = this.#rest;
  }
}

/** What is resident and no page of a file. */
function ownMb(): number {
  try {
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return process.memoryUsage.rss() / 2 ** 20;
  }
}

let tools: { collect: () => void; trim: (pad: number) => number } | undefined;

/**
 * The engine collects at its leisure and keeps what it has had; the C library as well. Both are asked here; what is
 * given back the second time is what the first collection has emptied.
 */
export function giveBack(): void {
  if (tools === undefined) {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
    // glibc's; another C library has none.
    let trim = (_pad: number): number => 0;
    try {
      trim = koffi.load(null).func('int malloc_trim(size_t)') as typeof trim;
    } catch {}
    tools = { collect, trim };
  }
  tools.collect();
  tools.collect();
  tools.trim(0);
}
