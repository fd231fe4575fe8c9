/**
 * Who has the loudspeaker. One scale of priority: higher interrupts lower, equal does not, the first one keeps it. The
 * terminal's own help call at the top of the scale cuts into whatever is not such a call itself.
 */
import type { Priority } from './types.ts';

/** The top of the scale, and what the terminal's own help call has when its plan says nothing. */
export const HELP_PRIORITY: Priority = 10;

export interface Claim {
  readonly priority: Priority;
  /** Begun at this terminal. */
  readonly own: boolean;
  /** Had the loudspeaker before and lost it to somebody higher. */
  readonly interruptedBefore: boolean;
}

export function outranks(newcomer: Claim, holder: Claim): boolean {
  if (newcomer.priority > holder.priority) return true;
  return newcomer.own && newcomer.priority >= HELP_PRIORITY && !holder.own && holder.priority <= newcomer.priority;
}

/** A free loudspeaker goes to the highest claim; of equals first to who had it before, then to who came first. */
function before(a: Claim, b: Claim): boolean {
  if (outranks(a, b)) return true;
  return a.priority === b.priority && !outranks(b, a) && a.interruptedBefore && !b.interruptedBefore;
}

/** `claims`: all who want it, in the order they came, the holder among them. Undefined: nobody wants it. */
export function speakerFor<T extends Claim>(holder: T | undefined, claims: readonly T[]): T | undefined {
  let best = holder !== undefined && claims.includes(holder) ? holder : undefined;
  const keeps = best;
  for (const claim of claims) {
    if (best === undefined) best = claim;
    else if (claim === best) continue;
    else if (best === keeps ? outranks(claim, best) : before(claim, best)) best = claim;
  }
  return best;
}
