/** What would happen, and by which rule, in plain lines; nothing is done. */

import { decideMessage } from './messages.ts';
import { stepsOf } from './plan.ts';
import { decidePress } from './press.ts';
import { decide, judge, nameOf } from './rules.ts';
import { challenges } from './trust.ts';
import type { Incoming, Prompt, TerminalConfig } from './types.ts';

const seconds = (ms: number): string => `${ms / 1000} s`;

export function explainIncoming(config: TerminalConfig, incoming: Incoming): string[] {
  const lines: string[] = [];
  const decision = decide(config.incoming, incoming);
  for (const [index, rule] of config.incoming.entries()) {
    if (rule === decision.rule) break;
    const verdict = judge(rule, incoming.caller);
    const why = verdict.kind === 'doubted' ? verdict.why : `is not for ${incoming.caller.uri}`;
    lines.push(`${nameOf(rule, index)}: ${why}`);
  }
  lines.push(decision.reason);
  const { rule } = decision;
  if (challenges(config.incoming, incoming.caller)) {
    const users = new Set(config.incoming.flatMap(({ authenticated = [] }) => authenticated));
    const proven = [...users].map((user) => {
      const { reason } = decide(config.incoming, { ...incoming, caller: { ...incoming.caller, user } });
      return `with a digest proof to be ${user}: ${reason}`;
    });
    return [...lines, 'answer: 401 Unauthorized', ...proven];
  }
  if (decision.answer === 'reject' || rule === undefined) {
    const forbidden = decision.answer === 'reject' && decision.forbidden;
    return [...lines, `answer: ${forbidden ? '403 Forbidden' : '603 Decline'}`];
  }
  const who = rule.as === 'page' ? 'page: the microphone stays closed' : 'intercom: both ways';
  const otherwise = { hold: 'held', duck: 'playing lower', mix: 'playing', end: 'ended' }[rule.interrupted];
  return [
    ...lines,
    `as ${who}${rule.zone === undefined ? '' : `; heard in zone ${rule.zone}`}, at priority ${rule.priority}, for at most ${seconds(rule.limitMs)}; a higher priority leaves it ${otherwise}`,
    `a text message of this caller ${fateOfText(config, incoming)}`,
  ];
}

function wordsOf(prompt: Prompt): string {
  const parts = typeof prompt === 'string' ? [prompt] : prompt;
  return parts.map((part) => (typeof part === 'string' ? part : `"${part.say}"`)).join(', then ');
}

function fateOfText(config: TerminalConfig, { caller }: Incoming): string {
  const decision = decideMessage(config.incoming, caller);
  if (!decision.taken) return 'is refused';
  return decision.speak ? 'is an event, and spoken' : 'is an event';
}

/** A press of `button` while nothing goes on. */
export function explainButton(config: TerminalConfig, button: string): string[] {
  const decision = decidePress(config, button, [], undefined);
  if (decision.result === 'paging') {
    const { priority } = config.zones?.[decision.zone] ?? { priority: 0 };
    return [`pages zone ${decision.zone} at priority ${priority}: ${wordsOf(decision.prompt)}`];
  }
  if (decision.result !== 'calling') return [`${decision.result}: ${decision.reason}`];
  const { plan, name } = decision;
  const { confirm, cycles } = plan;
  const lines = [`calls ${name === undefined ? 'one number' : `by plan ${name}`} at priority ${plan.priority}`];
  if (plan.prompt !== undefined) lines.push(`plays ${wordsOf(plan.prompt)} meanwhile`);
  if (plan.race) lines.push('race: all steps ring at once, and the first to answer has the call');
  for (const [index, step] of stepsOf(plan).entries())
    lines.push(`step ${index + 1}: rings ${step.ring.join(' and ')} for ${seconds(step.forMs)}`);
  lines.push(`gives up after ${cycles} ${cycles === 1 ? 'cycle' : 'cycles'}, with a tone and an event`);
  if (plan.lastResort)
    lines.push(`who reaches nobody may leave word: ${seconds(plan.lastResort.forMs)} are recorded at most`);
  if (plan.record) lines.push('the talk is recorded, and both sides hear a tone that says so');
  if (confirm)
    lines.push(`who answers proves to be a person by digit ${confirm.digit} within ${seconds(confirm.withinMs)}`);
  lines.push(
    `talks for at most ${seconds(plan.limitMs)}; a tone ${seconds(plan.warningMs)} before, digit ${plan.prolong} prolongs`,
  );
  return lines;
}
