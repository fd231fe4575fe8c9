/**
 * The terminal: what the box does. Presses, calls, commands and faults in, actions out; no SIP header, pin or topic.
 * It holds its sessions, gives the loudspeaker to one of them, and lets lamps and tones follow.
 */
import { earliest, type Random, unreachable } from '../base/index.ts';
import { Button, type ButtonOutput, SOFT_PRESS_MS } from './button.ts';
import { Health } from './health.ts';
import { IncomingCall } from './incoming-call.ts';
import { Lamps } from './lamps.ts';
import { Messages } from './messages.ts';
import { Parking } from './parking.ts';
import { planFor } from './plan.ts';
import { PlanCall } from './plan-call.ts';
import { decideCall, decidePress, type PressDecision, wordsOf } from './press.ts';
import { Refusals } from './refusals.ts';
import { decide, isKnown } from './rules.ts';
import type { Session } from './session.ts';
import { HELP_PRIORITY, speakerFor } from './speaker.ts';
import { Tones } from './tones.ts';
import type {
  CallEvent,
  CallPlan,
  Command,
  Incoming,
  LampState,
  Source,
  TerminalAction,
  TerminalConfig,
  TerminalEvent,
  TerminalInput,
  TerminalStatus,
  Tone,
} from './types.ts';

/** Incoming calls held at once: ringing, waiting, talking or held. One more is told busy, or the least important one is. */
export const INCOMING_MAX = 8;
/** A call an operator dials by hand: above an ordinary page, below an urgent one. */
export const OPERATOR_PRIORITY = 6;

export class Terminal {
  readonly #config: TerminalConfig;
  readonly #random: Random;
  readonly #buttons: Map<string, Button>;
  readonly #lamps: Lamps;
  readonly #tones = new Tones();
  readonly #health = new Health();
  readonly #refusals = new Refusals();
  readonly #messages = new Messages();
  readonly #parking = new Parking();
  /** Who wants the configuration read anew, when nothing goes on any more. */
  #reload: string | undefined;
  /** A file or a text may still sound that belongs to no call. */
  #sounding = false;
  /** In the order they came. */
  #sessions: Session[] = [];
  /** Who has the loudspeaker. */
  #holder: Session | undefined;
  #stopped = false;

  constructor(config: TerminalConfig, random: Random) {
    this.#config = config;
    this.#random = random;
    this.#buttons = new Map(Object.keys(config.buttons).map((name) => [name, new Button(config.stuckMs)]));
    this.#lamps = new Lamps(config.outputs);
  }

  /** When `timeout` wants to be called, ms, monotonic. */
  get deadline(): number | undefined {
    if (this.#stopped) return undefined;
    const machines = [...this.#buttons.values(), ...this.#sessions, this.#tones, this.#refusals];
    return earliest(machines.map(({ deadline }) => deadline));
  }

  receive(input: TerminalInput, now: number): TerminalAction[] {
    const actions = this.#take(input, now);
    return this.#parking.filter([...actions, ...this.#settle(now)]);
  }

  timeout(now: number): TerminalAction[] {
    if (this.#stopped) return [];
    const actions: TerminalAction[] = [];
    for (const [name, button] of this.#buttons) actions.push(...this.#pushed(name, button.timeout(now), now));
    for (const session of [...this.#sessions]) actions.push(...session.timeout(now));
    return this.#parking.filter([
      ...actions,
      ...this.#settle(now),
      ...this.#tones.timeout(now),
      ...this.#refusals.timeout(now),
    ]);
  }

  status(now: number): TerminalStatus {
    const { id, name } = this.#config;
    const { faults, registrations } = this.#health;
    const states = this.#states();
    const order = ['connected', 'paging', 'calling', 'ringing', 'held'] as const;
    const state = order.find((candidate) => states.has(candidate)) ?? 'idle';
    const calls = this.#sessions.map((session) => this.#parking.show(session, session.status(now)));
    const messages = this.#messages.counts;
    const buttons = Object.fromEntries(
      [...this.#buttons].map(([button, { pressed, stuck }]) => [button, { pressed, stuck }] as const),
    );
    return { id, name, state, calls, outputs: this.#lamps.outputs, buttons, faults, registrations, messages };
  }

  #take(input: TerminalInput, now: number): TerminalAction[] {
    switch (input.type) {
      case 'start':
        return [];
      case 'edge':
        return this.#edge(input.button, input.active, input.source, now);
      case 'command':
        return this.#command(input.command, input.source, now);
      case 'incoming':
        return this.#incoming(input, now);
      case 'stranger':
        return this.#stranger(input.incoming, input.reason, now);
      case 'ringing':
        return this.#owner(input.call)?.ringing(input.call) ?? [];
      case 'early':
        return this.#owner(input.call)?.early?.(input.call, input.on) ?? [];
      case 'redirected':
        return this.#owner(input.call)?.redirected?.(input.call, input.by, input.to) ?? [];
      case 'answered':
        // Whom we no longer know has lost a race: he must not be left talking to nobody.
        return (
          this.#owner(input.call)?.answered(input.call, now, input.conference) ?? [
            { type: 'hangup', call: input.call, cause: 'cancelled' },
          ]
        );
      case 'transfer':
      case 'left':
      case 'transferred':
      case 'not-transferred':
      case 'handed-over': {
        const stay = input.type === 'transfer' ? ([{ type: 'stay', transfer: input.transfer }] as const) : [];
        return this.#owner(input.call)?.transfer(input, now) ?? [...stay];
      }
      case 'referral':
        return this.#referral(input, now);
      case 'digit':
        return this.#owner(input.call)?.digit(input.call, input.digit, now) ?? [];
      case 'ended':
        return this.#owner(input.call)?.ended(input.call, input.cause, input.by, input.reason, now) ?? [];
      case 'message': {
        if (this.#stopped) return [{ type: 'message', message: input.message, taken: false }];
        const actions = this.#messages.receive(input, this.#config.incoming, this.#holder);
        this.#sounding ||= actions.some(({ type }) => type === 'speak');
        return actions;
      }
      case 'steer':
        return this.#steer(input.wish, input.call, input.by);
      case 'check-sync':
        return this.#askReload(input.reboot ? `${input.by}, to start anew` : input.by);
      case 'mailbox':
        return [said(input)];
      case 'fault':
        return this.#health.fault(input.fault, input.raised, input.reason);
      case 'registered':
        return this.#stopped ? [] : this.#health.registration(input.account, input.registered, input.reason);
      case 'stop':
        return this.#stop(now);
      default:
        return unreachable(input);
    }
  }

  #owner(call: string): Session | undefined {
    return this.#sessions.find((session) => session.owns(call));
  }

  // ---------------------------------------------------------------- buttons

  #edge(name: string, active: boolean, source: Source, now: number): TerminalAction[] {
    const button = this.#buttons.get(name);
    if (button !== undefined) return this.#pushed(name, button.edge(active, source, now), now);
    return active ? this.#press(name, source, now) : [];
  }

  #pushed(name: string, outputs: readonly ButtonOutput[], now: number): TerminalAction[] {
    return outputs.flatMap((output): TerminalAction[] => {
      switch (output.kind) {
        case 'press':
          return this.#press(name, output.source, now);
        case 'release': {
          const { source, heldMs } = output;
          return [said({ type: 'release', button: name, heldMs, source })];
        }
        case 'stuck': {
          const seconds = Math.round(output.heldMs / 1000);
          const reason = output.stuck ? `held down for ${seconds} s` : `let go after ${seconds} s`;
          return this.#health.fault(`button:${name}`, output.stuck, reason);
        }
        default:
          return unreachable(output);
      }
    });
  }

  /** Exactly one event per press, whatever comes of it, and before it. */
  #press(button: string, source: Source, now: number): TerminalAction[] {
    const decision: PressDecision = this.#stopped
      ? { result: 'refused', reason: 'the terminal is stopping' }
      : decidePress(this.#config, button, this.#sessions, this.#holder);
    const { result } = decision;
    const reason = decision.reason === undefined ? {} : { reason: decision.reason };
    const press = (call?: string) =>
      said({ type: 'press', button, source, result, ...(call !== undefined && { call }), ...reason });
    switch (decision.result) {
      case 'calling': {
        const id = this.#random.token();
        return [press(id), ...this.#call(id, decision.plan, decision.name, now)];
      }
      case 'answered': {
        const session = this.#owner(decision.call);
        if (session instanceof IncomingCall) session.pickUp();
        return [press(decision.call)];
      }
      case 'hangup':
        return [press(decision.calls[0]), ...this.#hangUp(decision.calls, `button ${button}`, now)];
      case 'ignored':
      case 'refused':
        return [press()];
      default:
        return unreachable(decision);
    }
  }

  #call(id: string, plan: CallPlan, name: string | undefined, now: number): TerminalAction[] {
    const call = new PlanCall(id, plan, name, now);
    this.#sessions.push(call);
    return call.start(now);
  }

  #hangUp(calls: readonly string[], by: string, now: number): TerminalAction[] {
    const sessions = this.#sessions.filter((session) => calls.includes(session.id));
    return sessions.flatMap((session) => session.end('hangup', `hung up by ${by}`, now));
  }

  // ---------------------------------------------------------------- who calls

  #incoming(incoming: Incoming, now: number): TerminalAction[] {
    if (this.#owner(incoming.call) !== undefined) return [];
    const decision = decide(this.#config.incoming, incoming);
    if (this.#stopped) return refuse(incoming, 'unavailable', 'the terminal is stopping');
    if (decision.answer === 'reject') {
      const [reject, event] = refuse(incoming, decision.forbidden ? 'forbidden' : 'declined', decision.reason);
      return [reject, ...(decision.rule === undefined ? this.#refusals.tell(event.event, now) : [event])];
    }
    const others = this.#sessions.filter((session) => !session.own);
    const actions: TerminalAction[] = [];
    if (others.length >= INCOMING_MAX) {
      const least = others.reduce((a, b) => (b.priority < a.priority ? b : a));
      if (least.priority >= decision.rule.priority)
        return refuse(incoming, 'busy', `${INCOMING_MAX} calls are here already`);
      actions.push(...least.end('interrupted', `${INCOMING_MAX} calls are here, and a more important one came`, now));
    }
    const call = new IncomingCall(incoming, decision, now);
    this.#sessions.push(call);
    return [...actions, ...call.start()];
  }

  /** He has had his answer. */
  #stranger(incoming: Incoming, known: string | undefined, now: number): TerminalAction[] {
    const { answer, reason } = decide(this.#config.incoming, incoming);
    const why = known ?? (answer === 'reject' ? reason : 'it is not known where he called from');
    return this.#refusals.tell(refuse(incoming, 'declined', why)[1].event, now);
  }

  /** Somebody wants us to call somebody: done for whom a rule answers at once, both ways, and who has shown who he is. */
  #referral({ transfer, caller, to }: Extract<TerminalInput, { type: 'referral' }>, now: number): TerminalAction[] {
    const { rule, answer, reason } = decide(this.#config.incoming, { type: 'incoming', call: transfer, caller, to });
    const trusted = answer === 'auto' && rule?.as === 'intercom' && isKnown(rule, caller);
    const id = this.#random.token();
    let why = `asked us to call ${to}: ${reason}`;
    if (trusted && !this.#stopped) {
      const { limitMs, interrupted } = rule;
      const plan = { ...planFor(to, Math.min(rule.priority, HELP_PRIORITY - 1)), limitMs, interrupted };
      const decision = decideCall(plan, undefined, this.#sessions, this.#holder);
      if (decision.result === 'calling')
        return this.#call(id, plan, undefined, now).map((action) =>
          action.type === 'dial' ? { ...action, transfer } : action,
        );
      why += `, but ${decision.reason}`;
    }
    const [, refused] = refuse({ call: id, caller }, 'declined', why);
    return [{ type: 'stay', transfer }, ...this.#refusals.tell(refused.event, now)];
  }

  #steer(wish: 'talk' | 'hold', call: string | undefined, by: string): TerminalAction[] {
    const meant = call === undefined ? this.#sessions : this.#sessions.filter((session) => session.owns(call));
    if (wish === 'hold') return meant.flatMap((session) => this.#parking.park(session, by));
    const parked = meant.filter((session) => this.#parking.has(session));
    if (parked.length > 0) return parked.flatMap((session) => this.#parking.resume(session, this.#holder, by));
    const ringing = meant.find((session) => session instanceof IncomingCall && session.asksForHand);
    return ringing instanceof IncomingCall ? ringing.asked(by) : [];
  }

  #askReload(by: string): TerminalAction[] {
    this.#reload = by;
    const later = this.#sessions.length > 0;
    const reason = later ? `asked by ${by}; ${this.#sessions.length} calls are there` : `asked by ${by}`;
    return [said({ type: 'reload', state: later ? 'later' : 'now', reason })];
  }

  // ---------------------------------------------------------------- what operators ask

  #command(command: Command, source: Source, now: number): TerminalAction[] {
    const outcome = this.#stopped ? 'the terminal is stopping' : this.#obey(command, source, now);
    const ok = typeof outcome !== 'string';
    const event = said({ type: 'command', verb: command.verb, source, ok, ...(!ok && { reason: outcome }) });
    return ok ? [event, ...outcome] : [event];
  }

  /** What is to be done, or why not. */
  #obey(command: Command, source: Source, now: number): TerminalAction[] | string {
    switch (command.verb) {
      case 'press': {
        const button = this.#buttons.get(command.button);
        if (button === undefined) return `there is no button ${command.button}`;
        return this.#pushed(command.button, button.press(source, command.forMs ?? SOFT_PRESS_MS, now), now);
      }
      case 'call':
        if (!Object.hasOwn(this.#config.calls, command.plan)) return `there is no plan ${command.plan}`;
        return this.#dial(this.#config.calls[command.plan], command.plan, now);
      case 'dial':
        return this.#dial(planFor(command.target, OPERATOR_PRIORITY), undefined, now);
      case 'hangup': {
        const calls = this.#sessions.map((session) => session.id);
        return calls.length === 0 ? 'there is no call to hang up' : this.#hangUp(calls, source, now);
      }
      case 'transfer': {
        const call = this.#holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'refer', call, to: command.target }];
      }
      case 'digits': {
        const call = this.#holder?.talking;
        return call === undefined ? 'nobody talks' : [{ type: 'digits', call, digits: command.digits }];
      }
      case 'output':
        return this.#lamps.has(command.output)
          ? this.#lamps.set(command.output, command.on)
          : `there is no output ${command.output}`;
      case 'volume':
        return [{ type: 'volume', volume: Math.min(Math.max(command.volume, 0), 100) }];
      case 'play':
      case 'say':
        if (this.#holder !== undefined) return `${wordsOf(this.#holder)} has the loudspeaker`;
        this.#sounding = true;
        return [
          command.verb === 'say' ? { type: 'speak', text: command.text } : { type: 'prompt', file: command.file },
        ];
      case 'reload':
        return this.#sessions.length > 0 ? 'a call goes on' : this.#askReload(source);
      default:
        return unreachable(command);
    }
  }

  #dial(plan: CallPlan, name: string | undefined, now: number): TerminalAction[] | string {
    const decision = decideCall(plan, name, this.#sessions, this.#holder);
    return decision.result === 'calling' ? this.#call(this.#random.token(), plan, name, now) : decision.reason;
  }

  // ---------------------------------------------------------------- what follows from it

  /** Forgets who is gone, gives the loudspeaker to whom it belongs, and lets tones and lamps follow. */
  #settle(now: number): TerminalAction[] {
    if (this.#stopped) return [];
    const actions: TerminalAction[] = [];
    const farewells: Tone[] = [];
    for (;;) {
      farewells.push(...this.#sessions.filter((session) => session.over).flatMap((session) => session.farewell));
      this.#sessions = this.#sessions.filter((session) => !session.over);
      const before = this.#holder?.over ? undefined : this.#holder;
      const next = speakerFor(
        before,
        this.#sessions.filter((session) => session.wants),
      );
      this.#holder = next;
      if (next === before) break;
      if (before !== undefined && next !== undefined) {
        const reason = `${wordsOf(next)} cuts in`;
        actions.push(...(before.interrupted === 'hold' ? before.hold(reason) : before.end('interrupted', reason, now)));
      }
      if (next === undefined) continue;
      if (this.#sounding) actions.push({ type: 'silence' });
      this.#sounding = false;
      actions.push(...next.take(now));
    }
    const holder = this.#holder;
    if (holder !== undefined)
      for (const session of this.#sessions)
        if (session.wants && session !== holder)
          actions.push(...session.wait(`${wordsOf(holder)} has the loudspeaker`, now));
    if (this.#reload !== undefined && this.#sessions.length === 0) {
      this.#reload = undefined;
      actions.push({ type: 'reload' });
    }
    this.#parking.keep(this.#sessions);
    const states = this.#states();
    const calling = holder?.own === true && holder.talking === undefined && holder.hears !== true;
    const ringing = this.#sessions.some((session) => session instanceof IncomingCall && session.asksForHand);
    const occupied = holder !== undefined;
    actions.push(...this.#tones.follow({ calling, ringing, occupied }, now));
    actions.push(...this.#tones.farewell(farewells, occupied, now));
    return [...actions, ...this.#lamps.follow(states)];
  }

  #states(): Set<LampState> {
    const states = new Set<LampState>();
    for (const session of this.#sessions) states.add(lampStateOf(session));
    if (states.size === 0) states.add('idle');
    if (this.#health.registered) states.add('registered');
    if (this.#health.faulty) states.add('fault');
    return states;
  }

  #stop(now: number): TerminalAction[] {
    if (this.#stopped) return [];
    this.#stopped = true;
    const ends = this.#sessions.flatMap((session) => session.end('stopping', 'the terminal is stopping', now));
    this.#sessions = [];
    this.#holder = undefined;
    return [...ends, ...this.#tones.stop(), ...this.#lamps.off()];
  }
}

const said = (event: TerminalEvent): TerminalAction => ({ type: 'event', event });

function refuse(
  { call, caller }: Pick<Incoming, 'call' | 'caller'>,
  code: 'declined' | 'busy' | 'unavailable' | 'forbidden',
  reason: string,
): [TerminalAction, { type: 'event'; event: CallEvent }] {
  const cause = code === 'busy' ? 'busy' : 'declined';
  return [
    { type: 'reject', call, code },
    {
      type: 'event',
      event: { type: 'call', call, direction: 'incoming', state: 'refused', peer: caller.uri, cause, reason },
    },
  ];
}

/** A waiting call rings at the other end and nowhere here. */
function lampStateOf({ own, kind, state }: Session): LampState {
  switch (state) {
    case 'calling':
      return 'calling';
    case 'ringing':
    case 'waiting':
      return own ? 'calling' : 'ringing';
    case 'connected':
      return kind === 'page' ? 'paging' : 'connected';
    case 'held':
      return 'held';
    default:
      return unreachable(state);
  }
}
