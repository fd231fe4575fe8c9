/** What cannot be had yet (an address that is still to come, a taken port) ends nothing: a fault, and tried again. */
import { CodedError, type Logger } from '../base/index.ts';

/** How often what could not be opened is tried again. */
const acquireEveryMs = 2_000;

export class Acquisitions {
  readonly #fault: (fault: string, raised: boolean, reason: string) => void;
  readonly #log: Logger;
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #stopped = false;

  constructor(fault: (fault: string, raised: boolean, reason: string) => void, log: Logger) {
    this.#fault = fault;
    this.#log = log;
  }

  /** Opens it now or later. Only what is no `CodedError` is thrown. */
  async acquire(fault: string, open: () => Promise<void>): Promise<void> {
    try {
      await open();
      this.#fault(fault, false, 'it is there now');
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#log.error('Cannot open', { fault, reason: error.message });
      this.#fault(fault, true, error.message);
      if (this.#stopped) return;
      this.#retries.set(
        fault,
        setTimeout(() => void this.acquire(fault, open), acquireEveryMs),
      );
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const retry of this.#retries.values()) clearTimeout(retry);
  }
}
