/** The calls there are, and which of them has the loudspeaker. */
import { unreachable } from '../base/index.ts';
import { PlanCall } from './plan-call.ts';
import { wordsOf } from './press.ts';
import type { Session } from './session.ts';
import { speakerFor } from './speaker.ts';
import type { CallPlan, LampState, TerminalAction, Tone } from './types.ts';

export class Floor {
  #sessions: Session[] = [];
  #holder: Session | undefined;
  #closed = false;
  /** A file or a text may still sound that belongs to no call. */
  sounding = false;

  /** In the order they came. */
  get sessions(): readonly Session[] {
    return this.#sessions;
  }

  /** Who has the loudspeaker. */
  get holder(): Session | undefined {
    return this.#holder;
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
    return [...this.#sessions].flatMap((session) => session.timeout(now));
  }

  /** Forgets who is gone and gives the loudspeaker to whom it belongs. `farewells`: how those who are gone have ended. */
  settle(now: number): { actions: TerminalAction[]; farewells: Tone[] } {
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
      if (this.sounding) actions.push({ type: 'silence' });
      this.sounding = false;
      actions.push(...next.take(now));
    }
    const holder = this.#holder;
    if (holder !== undefined)
      for (const session of this.#sessions)
        if (session.wants && session !== holder)
          actions.push(...session.wait(`${wordsOf(holder)} has the loudspeaker`, now));
    return { actions, farewells };
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
    this.#holder = undefined;
    return ends;
  }
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
