/**
 * Calls that move to somebody else. The person at the terminal keeps talking, and everything the call was begun with stays:
 * its priority, its limit, and that a page opens no microphone.
 */
import { printable, unreachable } from '../base/index.ts';
import type { CallEvent, TerminalAction, TransferInput } from './types.ts';

/** A call is moved so often at most: two PBXs could send it back and forth for ever. */
export const TRANSFERS_MAX = 5;
/** Nobody waits at a help point for longer for somebody who only rings, once nobody else is there. */
export const LEFT_MS = 20_000;

/** What a transfer needs to know of its call. */
export interface Movable {
  readonly peer: string;
  /** Why nobody else may move it, or undefined. */
  readonly fixed: string | undefined;
  moveTo(peer: string, conference: boolean): void;
  end(reason: string): TerminalAction[];
  tell(state: CallEvent['state'], more: Partial<CallEvent>): TerminalAction;
}

/** How often one call was asked to move, and what came of it. */
export class Transfers {
  #asked = 0;

  take(input: TransferInput, { peer: from, ...call }: Movable): TerminalAction[] {
    if (input.type === 'merged') {
      call.moveTo(from, input.conference);
      const reason = `the other side is ${input.conference ? 'a conference now' : 'no conference any more'}`;
      return [call.tell('conference', { reason })];
    }
    const { call: leg } = input;
    const to = printable(input.to);
    switch (input.type) {
      case 'transfer': {
        const { transfer } = input;
        const many = ++this.#asked > TRANSFERS_MAX;
        const why = call.fixed ?? (many ? `it was moved ${TRANSFERS_MAX} times already` : undefined);
        if (why === undefined)
          return [{ type: 'follow', call: leg, transfer, to: input.to }, call.tell('transferring', { from, to })];
        const reason = `${from} asked for it, but ${why}`;
        // Asked again and again, it says so once.
        const told = this.#asked <= TRANSFERS_MAX + 1 ? [call.tell('transfer-failed', { from, to, reason })] : [];
        return [{ type: 'stay', transfer }, ...told];
      }
      case 'transferred': {
        call.moveTo(to, input.conference === true);
        return [call.tell('transferred', { from, to, peer: to })];
      }
      case 'left':
        return [];
      case 'not-transferred':
        return [call.tell('transfer-failed', { from, to, reason: input.reason })];
      case 'handed-over': {
        const { reason } = input;
        if (!input.ok) return [call.tell('transfer-failed', { from, to, reason })];
        return [call.tell('transferred', { from, to }), ...call.end(`${from} now talks with ${to}`)];
      }
      default:
        return unreachable(input);
    }
  }
}
