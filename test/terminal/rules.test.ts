import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainIncoming } from '../../src/terminal/explain.ts';
import type { Caller, Incoming, IncomingRule } from '../../src/terminal/index.ts';
import { decide, matchesUri } from '../../src/terminal/rules.ts';
import { challenges, letsAnybody, names } from '../../src/terminal/trust.ts';
import { caller, config, incoming, rule } from './story.ts';

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

const forced = { header: 'Answer-Mode Auto', afterMs: 0, required: true };
const byHand = (required: boolean) => ({ header: 'Answer-Mode Manual', required });
const undelayed = { header: 'Alert-Info info=alert-autoanswer', afterMs: 0, undelayed: true };
const desk = caller('sip:100@pbx', { ...stranger, user: 'desk' });
const shown = caller('sip:100@pbx', { ...stranger, identities: ['Desk.Example.net'] });

for (const [name, one, call, expected] of [
  ['Auto;require is answered where the rule answers', rule(), { asked: forced }, 'auto'],
  ['Auto;require is answered where the rule is asked', rule({ answer: 'when-asked' }), { asked: forced }, 'auto'],
  ['Auto;require of a rule that rings is forbidden', rule({ answer: 'ring' }), { asked: forced }, 'reject forbidden'],
  [
    'Auto;require of a stranger is declined like any other',
    rule(),
    { asked: forced, caller: caller('sip:100@pbx', stranger) },
    'reject',
  ],
  ['Manual is passed over where the rule answers by itself', rule(), { manual: byHand(false) }, 'auto'],
  ['Manual;require rings there', rule(), { manual: byHand(true) }, 'ring'],
  ['no delay named: answers', rule({ answer: 'when-asked' }), { asked: undelayed }, 'auto'],
  [
    'no delay named: rings, where the rule says so',
    rule({ answer: 'when-asked', undelayed: 'ring' }),
    { asked: undelayed },
    'ring',
  ],
  ['a rule that answers by itself needs no delay', rule({ undelayed: 'ring' }), { asked: undelayed }, 'auto'],
  ['a digest proof lets in', rule({ authenticated: ['desk'] }), { caller: desk }, 'auto'],
  ['the proof of another user does not', rule({ authenticated: ['boss'] }), { caller: desk }, 'reject'],
  ['no proof does not', rule({ authenticated: ['desk'] }), { caller: caller('sip:100@pbx', stranger) }, 'reject'],
  ['an account server needs no proof', rule({ authenticated: ['desk'] }), {}, 'auto'],
  [
    'a proof and an address: both must hold',
    rule({ authenticated: ['desk'], source: ['10.0.0.0/8'] }),
    { caller: desk },
    'reject',
  ],
  ['both hold', rule({ authenticated: ['desk'], source: ['203.0.113.0/24'] }), { caller: desk }, 'auto'],
  ['a TLS identity lets in', rule({ identity: ['desk.example.net'] }), { caller: shown }, 'auto'],
  ['so does one by its domain', rule({ identity: ['*.example.net'] }), { caller: shown }, 'auto'],
  ['another one does not', rule({ identity: ['example.net'] }), { caller: shown }, 'reject'],
  ['none does not', rule({ identity: ['*'] }), { caller: caller('sip:100@pbx', stranger) }, 'reject'],
  [
    'from * with a proof is not anybody',
    rule({ from: '*', authenticated: ['desk'] }),
    { caller: caller('sip:100@pbx', stranger) },
    'reject',
  ],
  [
    'a source may be a prefix of IPv6',
    rule({ source: ['2001:db8::/32'] }),
    { caller: caller('sip:100@pbx', { ...stranger, sourceAddress: '2001:db8:1::7' }) },
    'auto',
  ],
] as [string, IncomingRule, Partial<Incoming>, string][])
  test(`rules: ${name}`, () => {
    const decision = decide([one], { ...from({}), ...call });
    assert.equal(decision.answer + (decision.answer === 'reject' && decision.forbidden ? ' forbidden' : ''), expected);
  });

test('rules: the reason names what the caller is believed by', () => {
  assert.match(
    decide([rule({ authenticated: ['desk'] })], { ...from({}), caller: desk }).reason,
    /, proven by digest to be desk: /,
  );
  assert.match(
    decide([rule({ identity: ['*'] })], { ...from({}), caller: shown }).reason,
    /, by the TLS identity Desk\.Example\.net: /,
  );
  const one = rule({ authenticated: ['desk'], source: ['10.0.0.0/8'] });
  assert.match(
    decide([one], from(stranger)).reason,
    /would match, but 203\.0\.113\.9 is no server .* and the caller gave no digest proof$/,
  );
});

for (const [name, rules, address, identities, known, challenged] of [
  ['no rule knows nobody', [], '203.0.113.9', [], false, false],
  ['a source list knows its addresses', [rule({ source: ['203.0.113.0/24'] })], '203.0.113.9', [], true, false],
  ['an address in from is known', [rule({ from: 'sip:*@203.0.113.9' })], '203.0.113.9', [], true, false],
  [
    'one that is turned away is not',
    [rule({ from: 'sip:*@203.0.113.9', answer: 'reject' })],
    '203.0.113.9',
    [],
    false,
    false,
  ],
  ['anybody is known', [rule({ from: '*' })], '203.0.113.9', [], true, false],
  [
    'who must give a proof is not, and is asked',
    [rule({ from: '*', authenticated: ['desk'] })],
    '203.0.113.9',
    [],
    false,
    true,
  ],
  [
    'only the address of the rule is asked',
    [rule({ source: ['10.0.0.0/8'], authenticated: ['desk'] })],
    '203.0.113.9',
    [],
    false,
    false,
  ],
  [
    'a rule before lets in without',
    [rule({ from: '*' }), rule({ authenticated: ['desk'] })],
    '203.0.113.9',
    [],
    true,
    false,
  ],
  [
    'a rule before turns away',
    [rule({ answer: 'reject' }), rule({ authenticated: ['desk'] })],
    '203.0.113.9',
    [],
    false,
    false,
  ],
  [
    'a rule for others is passed over',
    [rule({ from: 'sip:9@pbx', authenticated: ['boss'] })],
    '203.0.113.9',
    [],
    false,
    false,
  ],
  ['an identity is known', [rule({ identity: ['*.example.net'] })], '203.0.113.9', ['a.example.net'], true, false],
  ['another is not', [rule({ identity: ['*.example.net'] })], '203.0.113.9', ['a.example.org'], false, false],
] as [string, IncomingRule[], string, string[], boolean, boolean][])
  test(`at the door: ${name}`, () => {
    assert.equal(names(rules, address, identities) || letsAnybody(rules), known);
    assert.equal(
      challenges(rules, caller('sip:100@pbx', { account: undefined, sourceAddress: address, identities })),
      challenged,
    );
  });

test('explained: who is asked for a password, and what comes of it', () => {
  const rules = config({ incoming: [rule({ from: '*', authenticated: ['desk'] })] });
  const lines = explainIncoming(rules, from(stranger));
  assert.deepEqual(lines.slice(-2), [
    'answer: 401 Unauthorized',
    'with a digest proof to be desk: rule 1 (from *), proven by digest to be desk: answered automatically',
  ]);
});

test('explained: what is insisted on and not granted is forbidden', () => {
  const rules = config({ incoming: [rule({ answer: 'ring' })] });
  assert.equal(explainIncoming(rules, { ...from({}), asked: forced }).at(-1), 'answer: 403 Forbidden');
});
