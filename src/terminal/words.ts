/** Actions that are said in several places. */
import type { CallEvent, Incoming, TerminalAction, TerminalEvent } from './types.ts';

export const said = (event: TerminalEvent): TerminalAction => ({ type: 'event', event });

/** A call that is turned away: what it is told, and what people are. */
export function refuse(
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
