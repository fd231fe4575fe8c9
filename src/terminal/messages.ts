/** Text messages: the first rule that matches the sender decides, as for his calls. A stranger's are counted, no more. */
import { wordsOf } from './press.ts';
import { isKnown, judge, nameOf } from './rules.ts';
import type { Session } from './session.ts';
import type { Caller, IncomingRule, TerminalAction, TerminalInput } from './types.ts';

export type MessageDecision = { taken: true; speak: boolean; reason: string } | { taken: false; reason: string };

type Message = Extract<TerminalInput, { type: 'message' }>;

/** A From header proves nothing, so the sender must be believed as a caller is; "anybody may" is not enough here. */
export function decideMessage(rules: readonly IncomingRule[], caller: Caller): MessageDecision {
  for (const [index, rule] of rules.entries()) {
    const wanted = rule.message ?? (rule.answer === 'reject' ? 'reject' : 'event');
    const verdict = judge(wanted === 'reject' ? { ...rule, answer: 'reject' } : { ...rule, answer: 'auto' }, caller);
    if (verdict.kind !== 'matches') continue;
    const why = `${nameOf(rule, index)}, ${verdict.why}`;
    if (wanted === 'reject') return { taken: false, reason: `${why}: rejected` };
    if (isKnown(rule, caller)) return { taken: true, speak: wanted === 'speak', reason: why };
  }
  return { taken: false, reason: `no rule believes ${caller.uri}` };
}

export class Messages {
  #taken = 0;
  #refused = 0;

  get counts(): { taken: number; refused: number } {
    return { taken: this.#taken, refused: this.#refused };
  }

  receive({ message, caller, text }: Message, rules: readonly IncomingRule[], holder?: Session): TerminalAction[] {
    const decision = decideMessage(rules, caller);
    if (!decision.taken) {
      this.#refused++;
      return [{ type: 'message', message, taken: false }];
    }
    this.#taken++;
    const empty = text.trim() === '';
    const spoken = decision.speak && holder === undefined && !empty;
    const busy = decision.speak && holder !== undefined ? `; not spoken: ${wordsOf(holder)} has the loudspeaker` : '';
    return [
      { type: 'message', message, taken: true },
      {
        type: 'event',
        event: { type: 'message', from: caller.uri, text, spoken, reason: `${decision.reason}${busy}` },
      },
      ...(spoken ? [{ type: 'speak', text } as const] : []),
    ];
  }
}
