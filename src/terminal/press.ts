/**
 * What a press means, given what goes on. A press that asks for help is turned down only when help is being called, or
 * somebody at least as important is being talked to already; no page ever stops it.
 */
import { planFor, stepsOf } from './plan.ts';
import type { Session } from './session.ts';
import { HELP_PRIORITY, outranks } from './speaker.ts';
import type { CallPlan, Prompt, TerminalConfig } from './types.ts';

/** An incoming call that rings for a hand, or any other session. */
export type Ongoing = Pick<
  Session,
  'id' | 'kind' | 'own' | 'peer' | 'priority' | 'state' | 'interruptedBefore' | 'wants'
> & {
  readonly asksForHand?: boolean;
};

export type PressDecision =
  | { result: 'calling'; plan: CallPlan; name?: string; reason?: string }
  | { result: 'answered'; call: string; reason: string }
  | { result: 'paging'; zone: string; prompt: Prompt; reason?: undefined }
  | { result: 'hangup'; calls: readonly string[]; reason: string }
  | { result: 'ignored' | 'refused'; reason: string };

export const wordsOf = ({ kind, own, peer, priority }: Pick<Session, 'kind' | 'own' | 'peer' | 'priority'>): string =>
  own ? `our call to ${peer} at ${priority}` : `the ${kind} from ${peer} at ${priority}`;

/** `holder`: who has the loudspeaker. */
export function decidePress(
  config: TerminalConfig,
  button: string,
  sessions: readonly Ongoing[],
  holder: Ongoing | undefined,
): PressDecision {
  if (!Object.hasOwn(config.buttons, button)) return { result: 'ignored', reason: `there is no button ${button}` };
  const { press } = config.buttons[button];
  if (press !== undefined && 'hangup' in press) return decideHangup(sessions);
  const ringing = answerable(sessions, holder);
  if (ringing !== undefined) return { result: 'answered', call: ringing.id, reason: `it rang from ${ringing.peer}` };
  if (press === undefined) return { result: 'ignored', reason: `no rule says what a press of ${button} does` };
  if ('page' in press) return { result: 'paging', zone: press.page, prompt: press.play };
  const plan = planOf(config, press);
  if (plan === undefined) return { result: 'refused', reason: `there is no plan ${nameOf(press)}` };
  return decideCall(plan, nameOf(press), sessions, holder);
}

type Wish = { readonly dial: string } | { readonly call: string };

const nameOf = (wish: Wish): string | undefined => ('call' in wish ? wish.call : undefined);

/** Undefined: there is no plan of that name. */
function planOf({ calls }: TerminalConfig, wish: Wish): CallPlan | undefined {
  if ('dial' in wish) return planFor(wish.dial, HELP_PRIORITY);
  return Object.hasOwn(calls, wish.call) ? calls[wish.call] : undefined;
}

/** Whom a press of any button would ring first: of each button that calls, the first step of its plan. */
export function foreseen(config: TerminalConfig): string[] {
  return Object.values(config.buttons).flatMap(({ press }) => {
    const plan = press && ('dial' in press || 'call' in press) ? planOf(config, press) : undefined;
    return plan === undefined ? [] : (stepsOf(plan)[0]?.ring ?? []);
  });
}

/** A call we begin: for a button, or for an operator. */
export function decideCall(
  plan: CallPlan,
  name: string | undefined,
  sessions: readonly Ongoing[],
  holder: Ongoing | undefined,
): Exclude<PressDecision, { result: 'answered' | 'hangup' | 'paging' }> {
  const claim = { priority: plan.priority, own: true, interruptedBefore: false };
  const inTheWay = sessions.find((other) => other.own && other.priority >= plan.priority);
  if (inTheWay !== undefined) return { result: 'ignored', reason: `${wordsOf(inTheWay)} is ${inTheWay.state}` };
  const waits = holder !== undefined && !outranks(claim, holder);
  if (waits && holder.kind === 'call') return { result: 'ignored', reason: `${wordsOf(holder)} is ${holder.state}` };
  const named = name === undefined ? {} : { name };
  if (!waits) return { result: 'calling', plan, ...named };
  return { result: 'calling', plan, ...named, reason: `${wordsOf(holder)} keeps the loudspeaker meanwhile` };
}

/** The ringing call a press would answer: the highest, when the loudspeaker would be its own. */
function answerable(sessions: readonly Ongoing[], holder: Ongoing | undefined): Ongoing | undefined {
  if (holder?.own === true) return undefined;
  const ringing = sessions.filter((session) => session.asksForHand === true);
  const best = ringing.reduce<Ongoing | undefined>(
    (a, b) => (a === undefined || b.priority > a.priority ? b : a),
    undefined,
  );
  if (best === undefined) return undefined;
  return holder === undefined || outranks(best, holder) ? best : undefined;
}

/** A button ends what the person at it is part of; a page is not his to end. */
function decideHangup(sessions: readonly Ongoing[]): PressDecision {
  const calls = sessions.filter((session) => session.kind === 'call').map((session) => session.id);
  if (calls.length === 0) return { result: 'ignored', reason: 'there is no call to hang up' };
  return { result: 'hangup', calls, reason: 'the button hangs up' };
}
