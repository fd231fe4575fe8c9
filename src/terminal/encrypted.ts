/** A call whose keys have been agreed on while it went on: told, and nothing else. */
import type { Session } from './session.ts';
import type { TerminalAction } from './types.ts';

export function encrypted(session: Session | undefined, by: string): TerminalAction[] {
  if (session === undefined) return [];
  const { id: call, kind: type, direction, peer, priority } = session;
  return [{ type: 'event', event: { type, call, direction, state: 'encrypted', peer, priority, reason: by } }];
}
