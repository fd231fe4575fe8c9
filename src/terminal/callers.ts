/** Who calls, or asks us to call somebody: let in or turned away, as the rules say. */
import type { Random } from '../base/index.ts';
import type { Floor } from './floor.ts';
import { IncomingCall } from './incoming-call.ts';
import { planFor } from './plan.ts';
import { decideCall } from './press.ts';
import { Refusals } from './refusals.ts';
import { decide, isKnown } from './rules.ts';
import { HELP_PRIORITY } from './speaker.ts';
import type { Incoming, IncomingRule, TerminalAction, TerminalInput } from './types.ts';
import { refuse } from './words.ts';

/** Incoming calls held at once: ringing, waiting, talking or held. One more is told busy, or the least important one is. */
export const INCOMING_MAX = 40;

export class Callers {
  readonly #rules: readonly IncomingRule[];
  readonly #floor: Floor;
  readonly #random: Random;
  readonly #refusals = new Refusals();

  constructor(rules: readonly IncomingRule[], floor: Floor, random: Random) {
    this.#rules = rules;
    this.#floor = floor;
    this.#random = random;
  }

  get deadline(): number | undefined {
    return this.#refusals.deadline;
  }

  timeout(now: number): TerminalAction[] {
    return this.#refusals.timeout(now);
  }

  incoming(incoming: Incoming, now: number): TerminalAction[] {
    if (this.#floor.owner(incoming.call) !== undefined) return [];
    if (this.#floor.closed) return refuse(incoming, 'unavailable', 'the terminal is stopping');
    const decision = decide(this.#rules, incoming);
    if (decision.answer === 'reject') {
      const [reject, event] = refuse(incoming, decision.forbidden ? 'forbidden' : 'declined', decision.reason);
      return [reject, ...(decision.rule === undefined ? this.#refusals.tell(event.event, now) : [event])];
    }
    const others = this.#floor.sessions.filter((session) => session instanceof IncomingCall);
    const actions: TerminalAction[] = [];
    if (others.length >= INCOMING_MAX) {
      const least = others.reduce((a, b) => (b.priority < a.priority ? b : a));
      if (least.priority >= decision.rule.priority)
        return refuse(incoming, 'busy', `${INCOMING_MAX} calls are here already`);
      actions.push(...least.end('interrupted', `${INCOMING_MAX} calls are here, and a more important one came`, now));
    }
    const call = new IncomingCall(incoming, decision, now);
    this.#floor.add(call);
    return [...actions, ...call.start()];
  }

  /** He has had his answer. */
  stranger(incoming: Incoming, known: string | undefined, now: number): TerminalAction[] {
    const { answer, reason } = decide(this.#rules, incoming);
    const why = known ?? (answer === 'reject' ? reason : 'it is not known where he called from');
    return this.#refusals.tell(refuse(incoming, 'declined', why)[1].event, now);
  }

  /** Somebody wants us to call somebody: done for whom a rule answers at once, both ways, and who has shown who he is. */
  referral({ transfer, caller, to }: Extract<TerminalInput, { type: 'referral' }>, now: number): TerminalAction[] {
    const { sessions, holder, closed } = this.#floor;
    const { rule, answer, reason } = decide(this.#rules, { type: 'incoming', call: transfer, caller, to });
    const trusted = answer === 'auto' && rule?.as === 'intercom' && isKnown(rule, caller);
    const id = this.#random.token();
    let why = `asked us to call ${to}: ${reason}`;
    if (trusted && !closed) {
      const { limitMs, interrupted } = rule;
      const plan = { ...planFor(to, Math.min(rule.priority, HELP_PRIORITY - 1)), limitMs, interrupted };
      const decision = decideCall(plan, undefined, sessions, holder);
      if (decision.result === 'calling')
        return this.#floor
          .call(id, plan, undefined, now)
          .map((action) => (action.type === 'dial' ? { ...action, transfer } : action));
      why += `, but ${decision.reason}`;
    }
    const [, refused] = refuse({ call: id, caller }, 'declined', why);
    return [{ type: 'stay', transfer }, ...this.#refusals.tell(refused.event, now)];
  }
}
