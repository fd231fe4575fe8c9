import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller, Incoming, IncomingRule } from '../../src/terminal/index.ts';
import { decide, matchesUri } from '../../src/terminal/rules.ts';
import { caller, incoming, rule } from './story.ts';

for (const [pattern, uri, matches] of [
  ['*', 'sip:anybody@anywhere', true],
  ['sip:*@*', 'sip:anybody@anywhere', true],
  ['sip:*@*', 'sip:anywhere', true],
  ['sip:*@pbx.example.net', 'sip:100@pbx.example.net', true],
  ['sip:*@pbx.example.net', 'sip:100@PBX.Example.NET', true],
  ['sip:*@pbx.example.net', 'sips:100@pbx.example.net', true],
  ['sip:*@pbx.example.net', 'sip:100@evil-pbx.example.net', false],
  ['sip:*@pbx.example.net', 'sip:100@pbx.example.net.evil', false],
  ['sip:*@pbx.example.net', 'sip:x@pbx.example.net@evil', false],
  ['sip:100@*', 'sip:100@pbx:5070', true],
  ['sip:100@pbx', 'sip:100@pbx:5070', true],
  ['sip:100@pbx:5060', 'sip:100@pbx:5070', false],
  ['sip:100@*', 'sip:1000@pbx', false],
  ['sip:1*0@*', 'sip:1230@pbx', true],
  ['sip:1*0@*', 'sip:1203@pbx', false],
  ['sip:Desk@pbx', 'sip:desk@pbx', false],
  ['sip:*@10.0.0.40', 'sip:b@10.0.0.40:5062', true],
  ['sip:*@[2001:db8::1]', 'sip:b@[2001:DB8:0::1]:5062', true],
  ['sip:*@*', 'tel:+4912345', false],
  ['sip:a*b*c@pbx', `sip:${'ab'.repeat(20_000)}@pbx`, false],
] as const)
  test(`rules: ${pattern} ${matches ? 'speaks' : 'does not speak'} of ${uri.slice(0, 50)}`, () =>
    assert.equal(matchesUri(pattern, uri), matches));

const stranger: Partial<Caller> = { account: undefined, sourceAddress: '203.0.113.9' };
const from = (who: Partial<Caller>): Incoming => incoming('c', 'sip:100@pbx', { caller: caller('sip:100@pbx', who) });
const asked = (afterMs: number) => ({ header: 'Call-Info', afterMs });

for (const [name, rules, call, expected] of [
  ['a caller by the server of an account is believed', [rule()], from({}), 'auto'],
  ['a stranger who only says he is from there is not', [rule()], from(stranger), 'reject'],
  [
    'a stranger is told from which address the rule names',
    [rule({ from: 'sip:*@203.0.113.9' })],
    incoming('c', 'sip:b@203.0.113.9', { caller: caller('sip:b@203.0.113.9', stranger) }),
    'auto',
  ],
  [
    'the address in the rule does not help who comes from another one',
    [rule({ from: 'sip:*@10.0.0.40' })],
    incoming('c', 'sip:b@10.0.0.40', { caller: caller('sip:b@10.0.0.40', stranger) }),
    'reject',
  ],
  ['the source list lets him in', [rule({ source: ['203.0.113.0/24'] })], from(stranger), 'auto'],
  ['the source list of others does not', [rule({ source: ['198.51.100.0/24'] })], from(stranger), 'reject'],
  ['* is anybody', [rule({ from: '*' })], from(stranger), 'auto'],
  ['sip:*@* is anybody', [rule({ from: 'sip:*@*' })], from(stranger), 'auto'],
  ['sip:100@* is not anybody', [rule({ from: 'sip:100@*' })], from(stranger), 'reject'],
  ['* with a source list is not anybody', [rule({ from: '*', source: ['10.0.0.0/8'] })], from(stranger), 'reject'],
  [
    'a rule that does not believe him leaves him to the next',
    [rule({ priority: 9 }), rule({ from: '*', answer: 'ring' })],
    from(stranger),
    'ring',
  ],
  ['the first rule that matches decides', [rule({ answer: 'reject' }), rule()], from({}), 'reject'],
  ['to be rejected needs no proof', [rule({ answer: 'reject' }), rule({ from: '*' })], from(stranger), 'reject'],
  [
    'a rejection with a source list is for those sources',
    [rule({ answer: 'reject', source: ['198.51.100.0/24'] }), rule({ from: '*' })],
    from(stranger),
    'auto',
  ],
  ['no rule is a refusal', [], from({}), 'reject'],
  ['ring rings, asked or not', [rule({ answer: 'ring' })], { ...from({}), asked: asked(0) }, 'ring'],
  ['when-asked and asked: answers', [rule({ answer: 'when-asked' })], { ...from({}), asked: asked(0) }, 'auto'],
  ['when-asked and not asked: rings', [rule({ answer: 'when-asked' })], from({}), 'ring'],
  ['the rule delays', [rule({ delayMs: 3000 })], from({}), 'auto after 3000'],
  ['the caller asks for a delay', [rule()], { ...from({}), asked: asked(5000) }, 'auto after 5000'],
  ['the longer delay counts', [rule({ delayMs: 7000 })], { ...from({}), asked: asked(5000) }, 'auto after 7000'],
  ['no delay is longer than a minute', [rule()], { ...from({}), asked: asked(9e9) }, 'auto after 60000'],
  ['a negative delay is none', [rule()], { ...from({}), asked: asked(-5) }, 'auto'],
] as const satisfies [string, IncomingRule[], Incoming, string][])
  test(`rules: ${name}`, () => {
    const decision = decide(rules, call);
    const delay = decision.answer === 'auto' && decision.delayMs > 0 ? ` after ${decision.delayMs}` : '';
    assert.equal(decision.answer + delay, expected);
  });

test('rules: the refusal of a stranger says which rule would have matched but for his source', () => {
  const { reason } = decide([rule({ from: 'sip:9@pbx' }), rule()], from(stranger));
  assert.match(reason, /^rule 2 \(from sip:\*@pbx\) would match, but 203\.0\.113\.9 is no server of an account/);
});

test('rules: the reason of an answer names rule, source and header', () => {
  const { reason } = decide([rule({ answer: 'when-asked' })], { ...from({}), asked: asked(0) });
  assert.equal(
    reason,
    'rule 1 (from sip:*@pbx), from the server of account pbx: answered automatically, asked by Call-Info',
  );
});

test('rules: no match names the caller', () =>
  assert.equal(decide([], from({})).reason, 'no rule matches sip:100@pbx'));
