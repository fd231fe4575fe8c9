/**
 * What is interrupted and still heard: lower (`duck`), or as before (`mix`). For the session it is a hold like any other; here
 * the hold becomes something else, and so does its end.
 */
import type { Session } from './session.ts';
import type { CallStatus, TerminalAction } from './types.ts';

type Lowered = 'duck' | 'mix';

export class Lowering {
  /** By call, or leg. */
  readonly #lowered = new Map<string, Lowered>();

  /** `actions`: how a session is held. */
  lower(actions: readonly TerminalAction[], how: Lowered): TerminalAction[] {
    return actions.flatMap((action): TerminalAction[] => {
      if (action.type === 'event' && 'state' in action.event && action.event.state === 'held') {
        const event = { ...action.event, state: how === 'duck' ? 'ducked' : 'mixed' } as typeof action.event;
        return [{ type: 'event', event }];
      }
      if (action.type !== 'hold' || !action.held) return [action];
      this.#lowered.set(action.call, how);
      return how === 'duck' ? [{ type: 'duck', call: action.call, ducked: true }] : [];
    });
  }

  /** `actions`: how a session goes on. */
  raise(actions: readonly TerminalAction[]): TerminalAction[] {
    if (this.#lowered.size === 0) return [...actions];
    return actions.flatMap((action): TerminalAction[] => {
      const how = action.type === 'hold' && !action.held ? this.#lowered.get(action.call) : undefined;
      if (action.type !== 'hold' || how === undefined) return [action];
      this.#lowered.delete(action.call);
      return how === 'duck' ? [{ type: 'duck', call: action.call, ducked: false }] : [];
    });
  }

  show(session: Session, status: CallStatus): CallStatus {
    for (const [call, how] of this.#lowered)
      if (session.owns(call)) return { ...status, state: 'connected', lowered: how };
    return status;
  }

  /** Forgets all others. */
  keep(sessions: readonly Session[]): void {
    for (const call of this.#lowered.keys())
      if (!sessions.some((session) => session.owns(call))) this.#lowered.delete(call);
  }
}
