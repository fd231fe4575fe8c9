/**
 * The terminal: what the box does. Presses, calls, commands and faults in, actions out; no SIP header, pin or topic.
 * Which machine an input is for; then the `Floor` gives the loudspeaker to one of the calls, and lamps and tones follow.
 */
import { earliest, type Random, unreachable } from '../base/index.ts';
import { Buttons } from './buttons.ts';
import { Callers } from './callers.ts';
import { Floor } from './floor.ts';
import { Health } from './health.ts';
import { IncomingCall } from './incoming-call.ts';
import { Lamps } from './lamps.ts';
import { Messages } from './messages.ts';
import { Operator } from './operator.ts';
import { Pages } from './pages.ts';
import { Parking } from './parking.ts';
import { type Session, tellOf } from './session.ts';
import { Tones } from './tones.ts';
import type { LampState, TerminalAction, TerminalConfig, TerminalInput, TerminalStatus } from './types.ts';
import { said } from './words.ts';

export class Terminal {
  readonly #config: TerminalConfig;
  readonly #floor = new Floor();
  readonly #health = new Health();
  readonly #buttons: Buttons;
  readonly #callers: Callers;
  readonly #operator: Operator;
  readonly #lamps: Lamps;
  readonly #pages: Pages;
  readonly #tones = new Tones();
  readonly #messages = new Messages();
  readonly #parking = new Parking();
  /** Who wants the configuration read anew, when nothing goes on any more. */
  #reload: string | undefined;

  constructor(config: TerminalConfig, random: Random) {
    this.#config = config;
    this.#lamps = new Lamps(config.outputs);
    this.#pages = new Pages(config, this.#floor, random);
    this.#buttons = new Buttons(config, this.#floor, this.#health, this.#pages, random);
    this.#callers = new Callers(config.incoming, this.#floor, random);
    this.#operator = new Operator({
      plans: config.calls,
      floor: this.#floor,
      buttons: this.#buttons,
      lamps: this.#lamps,
      parking: this.#parking,
      pages: this.#pages,
      random,
      reload: (by) => this.#askReload(by),
    });
  }

  /** When `timeout` wants to be called, ms, monotonic. */
  get deadline(): number | undefined {
    if (this.#floor.closed) return undefined;
    const machines = [this.#buttons, ...this.#floor.sessions, this.#tones, this.#callers];
    return earliest(machines.map(({ deadline }) => deadline));
  }

  /** There is a call, or a page of somebody's who would notice if we were not here. */
  get engaged(): boolean {
    return this.#floor.calls.length > 0;
  }

  receive(input: TerminalInput, now: number): TerminalAction[] {
    const actions = this.#take(input, now);
    return this.#parking.filter([...actions, ...this.#settle(now)]);
  }

  timeout(now: number): TerminalAction[] {
    if (this.#floor.closed) return [];
    const actions = [...this.#buttons.timeout(now), ...this.#floor.timeout(now)];
    return this.#parking.filter([
      ...actions,
      ...this.#settle(now),
      ...this.#tones.timeout(now),
      ...this.#callers.timeout(now),
    ]);
  }

  status(now: number): TerminalStatus {
    const { id, name } = this.#config;
    const { faults, registrations } = this.#health;
    const states = this.#states();
    const order = ['connected', 'paging', 'calling', 'ringing', 'held'] as const;
    const state = order.find((candidate) => states.has(candidate)) ?? 'idle';
    const calls = this.#floor.sessions.map((session) =>
      this.#parking.show(session, this.#floor.show(session, session.status(now))),
    );
    const messages = this.#messages.counts;
    const buttons = this.#buttons.status;
    return { id, name, state, calls, outputs: this.#lamps.outputs, buttons, faults, registrations, messages };
  }

  #take(input: TerminalInput, now: number): TerminalAction[] {
    switch (input.type) {
      case 'start':
        return [];
      case 'edge':
        return this.#buttons.edge(input.button, input.active, input.source, now);
      case 'command':
        return this.#operator.command(input.command, input.source, now);
      case 'incoming':
        return this.#callers.incoming(input, now);
      case 'stranger':
        return this.#callers.stranger(input.incoming, input.reason, now);
      case 'ringing':
        return this.#owner(input.call)?.ringing?.(input.call) ?? [];
      case 'early':
        return this.#owner(input.call)?.early?.(input.call, input.on) ?? [];
      case 'redirected':
        return this.#owner(input.call)?.redirected?.(input.call, input.by, input.to) ?? [];
      case 'waiting':
        return this.#owner(input.call)?.waiting?.(input.on, now) ?? [];
      case 'encrypted': {
        const session = this.#owner(input.call);
        return session === undefined ? [] : [tellOf(session, 'encrypted', { reason: input.by })];
      }
      case 'answered':
        // Whom we no longer know has lost a race: he must not be left talking to nobody.
        return (
          this.#owner(input.call)?.answered?.(input.call, now, input.conference) ?? [
            { type: 'hangup', call: input.call, cause: 'cancelled' },
          ]
        );
      case 'transfer':
      case 'left':
      case 'transferred':
      case 'merged':
      case 'not-transferred':
      case 'handed-over': {
        const stay = input.type === 'transfer' ? ([{ type: 'stay', transfer: input.transfer }] as const) : [];
        return this.#owner(input.call)?.transfer?.(input, now) ?? [...stay];
      }
      case 'referral':
        return this.#callers.referral(input, now);
      case 'digit':
        return this.#owner(input.call)?.digit?.(input.call, input.digit, now) ?? [];
      case 'ended':
        return this.#owner(input.call)?.ended?.(input.call, input.cause, input.by, input.reason, now) ?? [];
      case 'message': {
        if (this.#floor.closed) return [{ type: 'message', message: input.message, taken: false }];
        const actions = this.#messages.receive(input, this.#config.incoming, this.#floor.holder);
        this.#floor.sounding ||= actions.some(({ type }) => type === 'speak');
        return actions;
      }
      case 'steer':
        return this.#steer(input.wish, input.call, input.by);
      case 'multicast':
      case 'multicast-over':
      case 'multicast-refused':
      case 'zone-sent':
        return this.#pages.take(input, now);
      case 'check-sync':
        return this.#askReload(input.reboot ? `${input.by}, to start anew` : input.by);
      case 'word-left':
        return (
          this.#floor.sessions.find(({ id }) => id === input.call)?.wordLeft?.(input.recordedMs, input.reason, now) ??
          []
        );
      case 'mailbox':
        return [said(input)];
      case 'fault':
        return this.#health.fault(input.fault, input.raised, input.reason);
      case 'registered':
        return this.#floor.closed ? [] : this.#health.registration(input.account, input.registered, input.reason);
      case 'stop':
        return this.#stop(now);
      default:
        return unreachable(input);
    }
  }

  #owner(call: string): Session | undefined {
    return this.#floor.owner(call);
  }

  #steer(wish: 'talk' | 'hold', call: string | undefined, by: string): TerminalAction[] {
    const { sessions, holder } = this.#floor;
    const meant = call === undefined ? sessions : sessions.filter((session) => session.owns(call));
    if (wish === 'hold') return meant.flatMap((session) => this.#parking.park(session, by));
    const parked = meant.filter((session) => this.#parking.has(session));
    if (parked.length > 0) return parked.flatMap((session) => this.#parking.resume(session, holder, by));
    const ringing = meant.find((session) => session instanceof IncomingCall && session.asksForHand);
    return ringing instanceof IncomingCall ? ringing.asked(by) : [];
  }

  #askReload(by: string): TerminalAction[] {
    this.#reload = by;
    const { length } = this.#floor.calls;
    const later = length > 0;
    const reason = later ? `asked by ${by}; ${length} calls are there` : `asked by ${by}`;
    return [said({ type: 'reload', state: later ? 'later' : 'now', reason })];
  }

  // ---------------------------------------------------------------- what follows from it

  /** Forgets who is gone, gives the loudspeaker to whom it belongs, and lets tones and lamps follow. */
  #settle(now: number): TerminalAction[] {
    if (this.#floor.closed) return [];
    const { actions, farewells } = this.#floor.settle(now);
    const { sessions, holder } = this.#floor;
    if (this.#reload !== undefined && this.#floor.calls.length === 0) {
      this.#reload = undefined;
      actions.push({ type: 'reload' });
    }
    this.#parking.keep(sessions);
    const states = this.#states();
    const calling = holder?.own === true && holder.talking === undefined && holder.hears !== true;
    const ringing = sessions.some((session) => session instanceof IncomingCall && session.asksForHand);
    const occupied = holder !== undefined;
    actions.push(...this.#tones.follow({ calling, ringing, occupied }, now));
    actions.push(...this.#tones.farewell(farewells, occupied, now));
    return [...actions, ...this.#lamps.follow(states)];
  }

  #states(): Set<LampState> {
    const { states } = this.#floor;
    if (states.size === 0) states.add('idle');
    if (this.#health.registered) states.add('registered');
    if (this.#health.faulty) states.add('fault');
    return states;
  }

  #stop(now: number): TerminalAction[] {
    if (this.#floor.closed) return [];
    return [...this.#floor.close(now), ...this.#tones.stop(), ...this.#lamps.off()];
  }
}
