/** Whether a page was audible, told when it ends. One page at a time has the loudspeaker. */
import type { Audible } from '../audio/index.ts';
import type { TerminalEvent } from '../terminal/index.ts';

export class AudiblePages {
  #latest: Audible | undefined;

  heard(audible: Audible): void {
    this.#latest = audible;
  }

  /** The end of a page with what is known of it. */
  complete(event: TerminalEvent): TerminalEvent {
    if (event.type !== 'page') return event;
    const known = this.#latest;
    if (event.state === 'connected' || event.state === 'ended') this.#latest = undefined;
    return event.state === 'ended' && known !== undefined ? { ...event, ...known } : event;
  }
}
