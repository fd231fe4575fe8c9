/**
 * The rules for incoming calls: the first one that matches decides, no match is a refusal. A From header proves nothing,
 * so a rule that lets somebody in also asks where the request came from.
 */
import { inPrefix, parseAddress, sameAddress } from './address.ts';
import type { Caller, Incoming, IncomingRule } from './types.ts';

/** The longest delay before an automatic answer, whoever asks for it. */
const DELAY_MAX_MS = 60_000;

export type Decision =
  | { answer: 'auto'; rule: IncomingRule; delayMs: number; reason: string }
  | { answer: 'ring'; rule: IncomingRule; reason: string }
  /** `forbidden`: the caller insists on what the rule does not grant (RFC 5373). */
  | { answer: 'reject'; rule?: IncomingRule; reason: string; forbidden?: true };

export function decide(rules: readonly IncomingRule[], incoming: Incoming): Decision {
  const doubted: string[] = [];
  for (const [index, rule] of rules.entries()) {
    const verdict = judge(rule, incoming.caller);
    if (verdict.kind === 'doubted') doubted.push(`${nameOf(rule, index)} would match, but ${verdict.why}`);
    if (verdict.kind === 'matches') return decideBy(rule, incoming, `${nameOf(rule, index)}, ${verdict.why}`);
  }
  const reason = doubted.length > 0 ? doubted.join('; ') : `no rule matches ${incoming.caller.uri}`;
  return { answer: 'reject', reason };
}

function decideBy(rule: IncomingRule, { asked, manual }: Incoming, why: string): Decision {
  if (rule.answer === 'reject') return { answer: 'reject', rule, reason: `${why}: rejected` };
  if (rule.answer === 'ring' && asked?.required) {
    const reason = `${why}: would ring, but the caller requires an automatic answer by ${asked.header}`;
    return { answer: 'reject', rule, reason, forbidden: true };
  }
  if (rule.answer === 'ring') return { answer: 'ring', rule, reason: `${why}: rings` };
  if (manual?.required) return { answer: 'ring', rule, reason: `${why}: rings, for ${manual.header} requires a hand` };
  if (rule.answer === 'when-asked' && asked === undefined) {
    const wish = manual === undefined ? 'the caller asked for no automatic answer' : `${manual.header} asks for a hand`;
    return { answer: 'ring', rule, reason: `${why}: rings, for ${wish}` };
  }
  if (rule.answer === 'when-asked' && asked?.undelayed && rule.undelayed === 'ring')
    return { answer: 'ring', rule, reason: `${why}: rings, for ${asked.header} names no delay` };
  const delayMs = Math.min(Math.max(rule.delayMs, asked?.afterMs ?? 0, 0), DELAY_MAX_MS);
  const by = asked === undefined ? '' : `, asked by ${asked.header}`;
  const after = delayMs > 0 ? ` after ${delayMs / 1000} s` : '';
  return { answer: 'auto', rule, delayMs, reason: `${why}: answered automatically${by}${after}` };
}

export const nameOf = (rule: IncomingRule, index: number): string => `rule ${index + 1} (from ${rule.from})`;

export type Verdict = { kind: 'matches'; why: string } | { kind: 'other' } | { kind: 'doubted'; why: string };

/** Does `rule` speak of this caller, and is the caller believed? */
export function judge(rule: IncomingRule, caller: Caller): Verdict {
  if (!matchesUri(rule.from, caller.uri)) return { kind: 'other' };
  const trust = trustOf(rule, caller);
  if ('why' in trust) return { kind: 'matches', why: trust.why };
  // To turn somebody away no proof is needed; but a condition says whom the refusal is meant for.
  if (rule.answer === 'reject' && !conditional(rule)) return { kind: 'matches', why: 'which needs no proof' };
  return { kind: 'doubted', why: trust.missing.join(' and ') };
}

/** Whether the rule would match, but for the proof by digest that it wants. */
export function wantsProof(rule: IncomingRule, caller: Caller): boolean {
  if (rule.authenticated === undefined || caller.user !== undefined || caller.account !== undefined) return false;
  return judge(rule, { ...caller, user: rule.authenticated[0] }).kind === 'matches';
}

const conditional = ({ source, identity, authenticated }: IncomingRule): boolean =>
  source !== undefined || identity !== undefined || authenticated !== undefined;

/** Why the caller is believed, in words, or what is missing for it. */
function trustOf(rule: IncomingRule, caller: Caller): { why: string } | { missing: string[] } {
  const { account, sourceAddress, identities = [], user } = caller;
  if (account !== undefined) return { why: `from the server of account ${account}` };
  const reasons: string[] = [];
  const missing: string[] = [];
  const { host } = splitUri(rule.from);
  const prefix = rule.source?.find((allowed) => inPrefix(allowed, sourceAddress));
  const shown = identityOf(rule, identities);
  if (sameAddress(host, sourceAddress)) reasons.push(`from ${sourceAddress}, which the rule names`);
  else if (prefix !== undefined) reasons.push(`from ${sourceAddress}, in its source ${prefix}`);
  else if (rule.source !== undefined || !conditional(rule)) {
    if (rule.source === undefined && isAnybody(rule.from)) return { why: 'anybody may' };
    missing.push(`${sourceAddress} is no server of an account and no source of that rule`);
  }
  if (shown !== undefined) reasons.push(`by the TLS identity ${shown}`);
  else if (rule.identity !== undefined) missing.push('the caller showed no certificate of its identity');
  if (user !== undefined && rule.authenticated?.includes(user)) reasons.push(`proven by digest to be ${user}`);
  else if (rule.authenticated !== undefined)
    missing.push(user === undefined ? 'the caller gave no digest proof' : `user ${user} is none that it lets in`);
  return missing.length > 0 ? { missing } : { why: reasons.join(', ') };
}

/** The identity the rule wants, among those that were shown. */
export const identityOf = ({ identity }: IncomingRule, shown: readonly string[]): string | undefined =>
  shown.find((one) => identity?.some((wanted) => matchesRun(wanted, one.toLowerCase())));

export const hostOf = (uri: string): string => splitUri(uri).host;

/** Whether a caller whom `rule` let in has shown who he is: "anybody may" shows nothing. */
export function isKnown(rule: IncomingRule, { account }: Caller): boolean {
  return account !== undefined || conditional(rule) || !isAnybody(rule.from);
}

export const isAnybody = (from: string): boolean => from === '*' || from === 'sip:*@*';

interface UriParts {
  user: string;
  host: string;
  port: string;
}

/** `sip:USER@HOST:PORT` cut in three; no parameters here. What is missing is empty. */
function splitUri(uri: string): UriParts {
  const rest = uri.replace(/^sips?:/i, '');
  const at = rest.lastIndexOf('@');
  const [, host, port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(rest.slice(at + 1)) ?? ['', rest.slice(at + 1)];
  return { user: at < 0 ? '' : rest.slice(0, at), host: host.toLowerCase(), port };
}

/** `*` stands for any run of characters. The user part keeps its case, the host does not; a port counts only when the pattern has one. */
export function matchesUri(pattern: string, uri: string): boolean {
  if (pattern === '*') return true;
  if (!/^sips?:/i.test(uri)) return false;
  const wanted = splitUri(pattern);
  const given = splitUri(uri);
  const host =
    matchesRun(wanted.host, given.host) ||
    (parseAddress(given.host) !== undefined && sameAddress(wanted.host, given.host));
  return matchesRun(wanted.user, given.user) && host && (wanted.port === '' || matchesRun(wanted.port, given.port));
}

/** Linear in both but for one step back per `*`: no pattern makes a long From header slow. */
function matchesRun(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let next = 0;
  while (at < text.length) {
    if (pattern[next] === '*') [star, resume] = [next++, at];
    else if (pattern[next] === text[at]) [next, at] = [next + 1, at + 1];
    else if (star >= 0) [next, at] = [star + 1, ++resume];
    else return false;
  }
  while (pattern[next] === '*') next++;
  return next === pattern.length;
}
