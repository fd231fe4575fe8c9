/** Calls that the telephone system or an operator has put on hold. Until they are taken off, nothing lets them sound again. */
import { type Session, tellOf } from './session.ts';
import type { CallStatus, TerminalAction } from './types.ts';

export class Parking {
  /** By session: the call, or leg, that is silent. */
  readonly #parked = new Map<string, string>();

  has(session: Session): boolean {
    return this.#parked.has(session.id);
  }

  show(session: Session, status: CallStatus): CallStatus {
    return this.has(session) ? { ...status, state: 'held' } : status;
  }

  /** Only who talks can be put on hold. */
  park(session: Session, by: string): TerminalAction[] {
    const call = session.talking;
    if (call === undefined || this.has(session)) return [];
    this.#parked.set(session.id, call);
    return [{ type: 'hold', call, held: true }, tellOf(session, 'held', { reason: `by ${by}` })];
  }

  /** It sounds at once when the loudspeaker is its own, else when it gets it back. */
  resume(session: Session, holder: Session | undefined, by: string): TerminalAction[] {
    const call = this.#parked.get(session.id);
    this.#parked.delete(session.id);
    if (call === undefined) return [];
    const sound: TerminalAction[] = session === holder ? [{ type: 'hold', call, held: false }] : [];
    return [...sound, tellOf(session, 'resumed', { reason: `by ${by}` })];
  }

  /** Forgets all others. */
  keep(sessions: readonly Session[]): void {
    if (this.#parked.size === 0) return;
    for (const [id, call] of this.#parked) {
      if (!sessions.some((session) => session.id === id && session.owns(call))) this.#parked.delete(id);
    }
  }

  filter(actions: TerminalAction[]): TerminalAction[] {
    if (this.#parked.size === 0) return actions;
    const silent = new Set(this.#parked.values());
    return actions.filter((action) => action.type !== 'hold' || action.held || !silent.has(action.call));
  }
}
