/**
 * The tones at the loudspeaker: ringback while our call is set up, a chime every few seconds while a caller waits for a
 * hand, busy and error when a call of ours came to an end the person should know of.
 */
import { Timers } from '../base/index.ts';
import type { TerminalAction, Tone } from './types.ts';

const BUSY_TONE_MS = 2000;
const CHIME_EVERY_MS = 4000;

export interface Sounding {
  /** Our own call is being set up and has the loudspeaker. */
  calling: boolean;
  /** Somebody should come and press a button. */
  ringing: boolean;
  /** A call or page has the loudspeaker. */
  occupied: boolean;
}

const tone = (name: Tone, on: boolean): TerminalAction => ({ type: 'tone', tone: name, on });

/** `chime`, `warning` and `error` end by themselves, `ringback` and `busy` are ended here. */
export class Tones {
  readonly #timers = new Timers<'chime' | 'busy'>();
  #ringback = false;
  #afterBusy: Tone[] = [];

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** How a call of ours ended, in tones. Busy is spared while something else sounds (`occupied`); the error never is. */
  farewell(tones: readonly Tone[], occupied: boolean, now: number): TerminalAction[] {
    const actions: TerminalAction[] = [];
    for (const [index, name] of tones.entries()) {
      if (name === 'busy' && occupied) continue;
      actions.push(tone(name, true));
      if (name !== 'busy') continue;
      this.#afterBusy = tones.slice(index + 1);
      this.#timers.set('busy', now + BUSY_TONE_MS);
      break;
    }
    return actions;
  }

  follow(sounding: Sounding, now: number): TerminalAction[] {
    const actions: TerminalAction[] = [];
    if (sounding.occupied && this.#timers.has('busy')) {
      this.#afterBusy = [];
      actions.push(...this.#busyOver());
    }
    if (sounding.calling !== this.#ringback) actions.push(tone('ringback', sounding.calling));
    this.#ringback = sounding.calling;
    if (!sounding.ringing || sounding.occupied) this.#timers.clear('chime');
    else if (!this.#timers.has('chime')) actions.push(...this.#chime(now));
    return actions;
  }

  timeout(now: number): TerminalAction[] {
    return this.#timers.run(now, (alarm) => (alarm === 'busy' ? this.#busyOver() : this.#chime(now)));
  }

  #busyOver(): TerminalAction[] {
    this.#timers.clear('busy');
    const rest = this.#afterBusy.map((name) => tone(name, true));
    this.#afterBusy = [];
    return [tone('busy', false), ...rest];
  }

  #chime(now: number): TerminalAction[] {
    this.#timers.set('chime', now + CHIME_EVERY_MS);
    return [tone('chime', true)];
  }

  stop(): TerminalAction[] {
    const actions: TerminalAction[] = [];
    if (this.#ringback) actions.push(tone('ringback', false));
    if (this.#timers.has('busy')) actions.push(tone('busy', false));
    this.#ringback = false;
    this.#afterBusy = [];
    this.#timers.clearAll();
    return actions;
  }
}
