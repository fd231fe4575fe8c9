/** The calls there are, and which of them has the loudspeaker. */
import { unreachable } from '../base/index.ts';
import { Lowering } from './lowering.ts';
import { MulticastPage } from './multicast-page.ts';
import { PlanCall } from './plan-call.ts';
import { wordsOf } from './press.ts';
import type { Session } from './session.ts';
import { speakerFor } from './speaker.ts';
import type { CallPlan, CallStatus, LampState, TerminalAction, Tone } from './types.ts';

export class Floor {
  #sessions: Session[] = [];
  /** By zone; '': our own loudspeaker. */
  readonly #holders = new Map<string, Session>();
  readonly #lowering = new Lowering();
  #closed = false;
  /** A file or a text may still sound that belongs to no call. */
  sounding = false;

  /** In the order they came. */
  get sessions(): readonly Session[] {
    return this.#sessions;
  }

  /** Without what is only heard, and goes on without us as well. */
  get calls(): readonly Session[] {
    return this.#sessions.filter((session) => !(session instanceof MulticastPage));
  }

  /** Who has our own loudspeaker. */
  get holder(): Session | undefined {
    return this.#holders.get('');
  }

  /** The terminal is stopping: nobody comes in any more. */
  get closed(): boolean {
    return this.#closed;
  }

  owner(call: string): Session | undefined {
    return this.#sessions.find((session) => session.owns(call));
  }

  add(session: Session): void {
    this.#sessions.push(session);
  }

  /** Begins a call of ours. */
  call(id: string, plan: CallPlan, name: string | undefined, now: number): TerminalAction[] {
    const call = new PlanCall(id, plan, name, now);
    this.#sessions.push(call);
    return call.start(now);
  }

  hangUp(calls: readonly string[], by: string, now: number): TerminalAction[] {
    const sessions = this.#sessions.filter((session) => calls.includes(session.id));
    return sessions.flatMap((session) => session.end('hangup', `hung up by ${by}`, now));
  }

  timeout(now: number): TerminalAction[] {
    return [...this.#sessions].flatMap((session) => session.timeout?.(now) ?? []);
  }

  /** Forgets who is gone and gives each loudspeaker to whom it belongs. `farewells`: how those who are gone have ended. */
  settle(now: number): { actions: TerminalAction[]; farewells: Tone[] } {
    const actions: TerminalAction[] = [];
    const farewells: Tone[] = [];
    do {
      farewells.push(...this.#sessions.filter((session) => session.over).flatMap((session) => session.farewell));
      this.#sessions = this.#sessions.filter((session) => !session.over);
    } while (this.#places().some((place) => this.#hand(place, actions, now)));
    for (const session of this.#sessions) {
      const holder = this.#holders.get(placeOf(session));
      if (session.wants && holder !== undefined && session !== holder)
        actions.push(...session.wait(`${wordsOf(holder)} has ${wordsOfPlace(session)}`, now));
    }
    this.#lowering.keep(this.#sessions);
    return { actions, farewells };
  }

  /** How a session is shown that is heard below another. */
  show(session: Session, status: CallStatus): CallStatus {
    return this.#lowering.show(session, status);
  }

  /** Gives the loudspeaker of that place to whom it belongs; false when he has it already. */
  #hand(place: string, actions: TerminalAction[], now: number): boolean {
    const known = this.#holders.get(place);
    const before = known?.over ? undefined : known;
    const claims = this.#sessions.filter((session) => session.wants && placeOf(session) === place);
    const next = speakerFor(before, claims);
    if (next === undefined) this.#holders.delete(place);
    else this.#holders.set(place, next);
    if (next === before) return false;
    if (before !== undefined && next !== undefined)
      actions.push(...this.#interrupt(before, `${wordsOf(next)} cuts in`, now));
    if (next === undefined) return true;
    if (place === '' && this.sounding) actions.push({ type: 'silence' });
    if (place === '') this.sounding = false;
    actions.push(...this.#lowering.raise(next.take(now)));
    return true;
  }

  #interrupt(session: Session, reason: string, now: number): TerminalAction[] {
    switch (session.interrupted) {
      case 'hold':
        return session.hold(reason);
      case 'duck':
      case 'mix':
        return this.#lowering.lower(session.hold(reason), session.interrupted);
      case 'end':
        return session.end('interrupted', reason, now);
      default:
        return unreachable(session.interrupted);
    }
  }

  #places(): string[] {
    return [...new Set(['', ...this.#holders.keys(), ...this.#sessions.map(placeOf)])];
  }

  /** What goes on, for the lamps; empty: nothing does. */
  get states(): Set<LampState> {
    return new Set(this.#sessions.map(lampStateOf));
  }

  /** Ends them all. */
  close(now: number): TerminalAction[] {
    this.#closed = true;
    const ends = this.#sessions.flatMap((session) => session.end('stopping', 'the terminal is stopping', now));
    this.#sessions = [];
    this.#holders.clear();
    return ends;
  }
}

const placeOf = ({ zone = '' }: Session): string => zone;
const wordsOfPlace = ({ zone }: Session): string => (zone === undefined ? 'the loudspeaker' : `zone ${zone}`);

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
