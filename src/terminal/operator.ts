/** What operators ask for, from the command line, MQTT or the page: done, or why not. */
import { type Random, unreachable } from '../base/index.ts';
import type { Buttons } from './buttons.ts';
import type { Floor } from './floor.ts';
import type { Lamps } from './lamps.ts';
import type { Pages } from './pages.ts';
import type { Parking } from './parking.ts';
import { planFor } from './plan.ts';
import { decideCall, wordsOf } from './press.ts';
import type { CallPlan, Command, Source, TerminalAction, TerminalConfig } from './types.ts';
import { said } from './words.ts';

/** A call an operator dials by hand: above an ordinary page, below an urgent one. */
const OPERATOR_PRIORITY = 6;

/** What an operator can reach. */
export interface Reach {
  readonly plans: TerminalConfig['calls'];
  readonly floor: Floor;
  readonly buttons: Buttons;
  readonly lamps: Lamps;
  readonly parking: Parking;
  readonly pages: Pages;
  readonly random: Random;
  readonly reload: (by: string) => TerminalAction[];
}

export class Operator {
  readonly #reach: Reach;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  command(command: Command, source: Source, now: number): TerminalAction[] {
    const outcome = this.#reach.floor.closed ? 'the terminal is stopping' : this.#obey(command, source, now);
    const ok = typeof outcome !== 'string';
    const event = said({ type: 'command', verb: command.verb, source, ok, ...(!ok && { reason: outcome }) });
    return ok ? [event, ...outcome] : [event];
  }

  /** What is to be done, or why not. */
  #obey(command: Command, source: Source, now: number): TerminalAction[] | string {
    const { plans, floor, buttons, lamps, parking, pages, reload } = this.#reach;
    const { sessions, holder } = floor;
    switch (command.verb) {
      case 'press':
        return buttons.press(command.button, source, command.forMs, now);
      case 'call':
        if (!Object.hasOwn(plans, command.plan)) return `there is no plan ${command.plan}`;
        return this.#dial(plans[command.plan], command.plan, now);
      case 'dial':
        return this.#dial(planFor(command.target, OPERATOR_PRIORITY), undefined, now);
      case 'hangup': {
        const calls = sessions.map((session) => session.id);
        return calls.length === 0 ? 'there is no call to hang up' : floor.hangUp(calls, source, now);
      }
      case 'transfer': {
        const call = holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'refer', call, to: command.target }];
      }
      case 'hold':
        if (holder?.talking === undefined) return 'nobody talks';
        return parking.has(holder) ? 'it is on hold already' : parking.park(holder, `an operator (${source})`);
      case 'resume': {
        const held = sessions.filter((session) => parking.has(session));
        if (held.length === 0) return 'no call is on hold';
        return held.flatMap((session) => parking.resume(session, holder, `an operator (${source})`));
      }
      case 'digits': {
        const call = holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'digits', call, digits: command.digits }];
      }
      case 'output':
        if (!lamps.has(command.output)) return `there is no output ${command.output}`;
        return lamps.set(command.output, command.on);
      case 'volume':
        return [{ type: 'volume', volume: Math.min(Math.max(command.volume, 0), 100) }];
      case 'page':
        return pages.send(command.zone, command.file, now);
      case 'play':
      case 'say':
        if (holder !== undefined) return `${wordsOf(holder)} has the loudspeaker`;
        floor.sounding = true;
        return [
          command.verb === 'say' ? { type: 'speak', text: command.text } : { type: 'prompt', prompt: command.file },
        ];
      case 'selftest':
        if (sessions.length > 0) return 'a call goes on';
        return [{ type: 'selftest', by: source, baseline: command.baseline }];
      case 'reload':
        return floor.calls.length > 0 ? 'a call goes on' : reload(source);
      default:
        return unreachable(command);
    }
  }

  #dial(plan: CallPlan, name: string | undefined, now: number): TerminalAction[] | string {
    const { floor, random } = this.#reach;
    const decision = decideCall(plan, name, floor.sessions, floor.holder);
    return decision.result === 'calling' ? floor.call(random.token(), plan, name, now) : decision.reason;
  }
}
