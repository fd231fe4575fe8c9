/** What the rules say of trust, for those at the door: whom they may let in, and who is asked for a password. */
import { inPrefix, sameAddress } from './address.ts';
import { hostOf, identityOf, isAnybody, judge, wantsProof } from './rules.ts';
import type { Caller, IncomingRule } from './types.ts';

/** Whether some rule that lets callers in speaks of `address` or one of `identities`, whatever they say their name is. */
export function names(rules: readonly IncomingRule[], address: string, identities: readonly string[]): boolean {
  return rules.some((rule) => {
    if (rule.answer === 'reject' && (rule.message ?? 'reject') === 'reject') return false;
    if (rule.source !== undefined) return rule.source.some((prefix) => inPrefix(prefix, address));
    return sameAddress(hostOf(rule.from), address) || identityOf(rule, identities) !== undefined;
  });
}

/** Whether some rule lets anybody in. */
export function letsAnybody(rules: readonly IncomingRule[]): boolean {
  return rules.some(
    ({ from, answer, source, identity, authenticated }) =>
      answer !== 'reject' && isAnybody(from) && (source ?? identity ?? authenticated) === undefined,
  );
}

/** Whether a rule, before any that lets him in or turns him away, wants a digest proof of this caller. */
export function challenges(rules: readonly IncomingRule[], caller: Caller): boolean {
  for (const rule of rules) {
    if (judge(rule, caller).kind === 'matches') return false;
    if (wantsProof(rule, caller)) return true;
  }
  return false;
}
