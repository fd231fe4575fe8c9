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

export class Operator {
  readonly #plans: TerminalConfig['calls'];
  readonly #floor: Floor;
  readonly #buttons: Buttons;
  readonly #lamps: Lamps;
  readonly #parking: Parking;
  readonly #pages: Pages;
  readonly #random: Random;
  readonly #reload: (by: string) => TerminalAction[];

  constructor(
    plans: TerminalConfig['calls'],
    floor: Floor,
    buttons: Buttons,
    lamps: Lamps,
    parking: Parking,
    pages: Pages,
    random: Random,
    reload: (by: string) => TerminalAction[],
  ) {
    this.#plans = plans;
    this.#floor = floor;
    this.#buttons = buttons;
    this.#lamps = lamps;
    this.#parking = parking;
    this.#pages = pages;
    this.#random = random;
    this.#reload = reload;
  }

  command(command: Command, source: Source, now: number): TerminalAction[] {
    const outcome = this.#floor.closed ? 'the terminal is stopping' : this.#obey(command, source, now);
    const ok = typeof outcome !== 'string';
    const event = said({ type: 'command', verb: command.verb, source, ok, ...(!ok && { reason: outcome }) });
    return ok ? [event, ...outcome] : [event];
  }

  /** What is to be done, or why not. */
  #obey(command: Command, source: Source, now: number): TerminalAction[] | string {
    const { sessions, holder } = this.#floor;
    switch (command.verb) {
      case 'press':
        return this.#buttons.press(command.button, source, command.forMs, now);
      case 'call':
        if (!Object.hasOwn(this.#plans, command.plan)) return `there is no plan ${command.plan}`;
        return this.#dial(this.#plans[command.plan], command.plan, now);
      case 'dial':
        return this.#dial(planFor(command.target, OPERATOR_PRIORITY), undefined, now);
      case 'hangup': {
        const calls = sessions.map((session) => session.id);
        return calls.length === 0 ? 'there is no call to hang up' : this.#floor.hangUp(calls, source, now);
      }
      case 'transfer': {
        const call = holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'refer', call, to: command.target }];
      }
      case 'hold':
        if (holder?.talking === undefined) return 'nobody talks';
        return this.#parking.has(holder)
          ? 'it is on hold already'
          : this.#parking.park(holder, `an operator (${source})`);
      case 'resume': {
        const held = sessions.filter((session) => this.#parking.has(session));
        if (held.length === 0) return 'no call is on hold';
        return held.flatMap((session) => this.#parking.resume(session, holder, `an operator (${source})`));
      }
      case 'digits': {
        const call = holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'digits', call, digits: command.digits }];
      }
      case 'output':
        return this.#lamps.has(command.output)
          ? this.#lamps.set(command.output, command.on)
          : `there is no output ${command.output}`;
      case 'volume':
        return [{ type: 'volume', volume: Math.min(Math.max(command.volume, 0), 100) }];
      case 'page':
        return this.#pages.send(command.zone, command.file, now);
      case 'play':
      case 'say':
        if (holder !== undefined) return `${wordsOf(holder)} has the loudspeaker`;
        this.#floor.sounding = true;
        return [
          command.verb === 'say' ? { type: 'speak', text: command.text } : { type: 'prompt', prompt: command.file },
        ];
      case 'selftest':
        if (sessions.length > 0) return 'a call goes on';
        return [{ type: 'selftest', by: source, baseline: command.baseline }];
      case 'reload':
        return this.#floor.calls.length > 0 ? 'a call goes on' : this.#reload(source);
      default:
        return unreachable(command);
    }
  }

  #dial(plan: CallPlan, name: string | undefined, now: number): TerminalAction[] | string {
    const decision = decideCall(plan, name, this.#floor.sessions, this.#floor.holder);
    return decision.result === 'calling' ? this.#floor.call(this.#random.token(), plan, name, now) : decision.reason;
  }
}
