/** What the rules say of trust, for those at the door: whom they may let in, and who is asked for a password. */
import { inPrefix, sameAddress } from './address.ts';
import { hostOf, identityOf, judge, wantsProof } from './rules.ts';
import type { Caller, IncomingRule } from './types.ts';

/** Whether some rule may let in somebody from `address` or with one of `identities`, whatever he says his name is. */
export function knows(rules: readonly IncomingRule[], address: string, identities: readonly string[]): boolean {
  return rules.some((rule) => {
    if (rule.answer === 'reject') return false;
    if (rule.source !== undefined) return rule.source.some((prefix) => inPrefix(prefix, address));
    if (sameAddress(hostOf(rule.from), address)) return true;
    if (rule.identity !== undefined) return identityOf(rule, identities) !== undefined;
    return rule.authenticated === undefined && ['*', 'sip:*@*', 'sips:*@*'].includes(rule.from);
  });
}

/** Whether a rule, before any that lets him in or turns him away, wants a digest proof of this caller. */
export function challenges(rules: readonly IncomingRule[], caller: Caller): boolean {
  for (const rule of rules) {
    if (judge(rule, caller).kind === 'matches') return false;
    if (wantsProof(rule, caller)) return true;
  }
  return false;
}
