/** SIPp sends us on (REFER), takes calls over (Replaces) and is a conference (RFC 4579). Without a PBX, from address to address. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { pause, recv, runSipp, type SippOutcome, scenario } from '../kit/sipp.ts';
import { ack, answered, ask, hangUp, must, reply, sdp } from '../kit/sipp-call.ts';
import { startTerminal, type TerminalProcess } from '../kit/terminal.ts';

const address = '127.0.0.53';
const caller = '127.0.0.73';
const desk = '127.0.0.74';

const terminal = (t: TestContext): Promise<TerminalProcess> =>
  startTerminal(t, {
    address,
    config: {
      incoming: [{ from: '*', source: [caller], answer: 'auto', as: 'intercom', priority: 5 }],
      calls: { desk: { steps: [{ ring: [`sip:desk@${desk}:5060`], for: '10s' }], cycles: 1 } },
      buttons: { help: { press: { call: 'desk' } } },
    },
  });

/** One SIPp that begins. `port`: another one for a second telephone at the same address. */
const begins = (from: string, text: string, port = 5060, ...keys: string[]): Promise<SippOutcome> =>
  runSipp({
    scenario: text,
    args: ['-i', from, '-mi', from, '-p', String(port), '-m', '1', ...keys, `${address}:5060`],
  });

/** One that waits. It says nothing when it is ready. */
async function waits(text: string): Promise<{ ended: Promise<SippOutcome> }> {
  const ended = runSipp({ scenario: text, args: ['-i', desk, '-mi', desk, '-p', '5060', '-m', '1'] });
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { ended };
}

async function succeeded(run: Promise<SippOutcome>): Promise<void> {
  const { code, output } = await run;
  assert.equal(code, 0, output);
}

// ---------------------------------------------------------------- REFER

const referTo = (uri: string, more = ''): string => `Refer-To: <${uri}>\nReferred-By: <sip:sipp@[local_ip]>\n${more}`;
/** A NOTIFY that says `line`, answered. `n`: names for what it is looked at for. */
const notified = (line: string, state: string, n: number): string[] => [
  recv(
    'NOTIFY',
    '',
    must('Event: *refer', `${n}`) +
      must(`Subscription-State: *${state}`, `${n + 1}`) +
      must('message/sipfrag', `${n + 2}`) +
      must(`SIP/2.0 ${line}`, `${n + 3}`),
  ),
  reply('200 OK'),
];

/** Called, sent on by REFER: what the other one gets, and what is told. */
const sendsOn = (refer: string, ...then: string[]): string =>
  scenario(
    'sends on',
    ask('INVITE', 1, { body: sdp() }),
    ...answered,
    ack(1),
    ask('REFER', 2, { inside: true, headers: refer }),
    ...then,
  );
const takes = (...checks: string[]): string =>
  scenario(
    'the one we are sent to',
    recv('INVITE', '', checks.map((pattern, n) => must(pattern, `${n + 1}`)).join('')),
    reply('180 Ringing', { tag: 'a' }),
    pause(300),
    reply('200 OK', { tag: 'a', body: sdp() }),
    recv('ACK'),
    recv('BYE'),
    reply('200 OK'),
  );

test('sent on blindly: 202, 100 and 200 by NOTIFY, and who sent us on hangs up', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const { ended } = await waits(takes('INVITE sip:desk@', 'Referred-By: *<sip:sipp@'));
  const first = sendsOn(
    referTo(`sip:desk@${desk}:5060`),
    recv(202),
    ...notified('100 Trying', 'active', 1),
    ...notified('180 Ringing', 'active', 5),
    ...notified('200 OK', 'terminated', 9),
    ...hangUp(3),
  );
  await succeeded(begins(caller, first));
  await hailpoint.event({ type: 'call', state: 'transferred' }, 2_000);
  await hailpoint.command('hangup');
  await succeeded(ended);
});

test('who wants no NOTIFY (RFC 4488) gets none, and is hung up', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const { ended } = await waits(takes('INVITE sip:desk@'));
  const first = sendsOn(
    referTo(`sip:desk@${desk}:5060`, 'Refer-Sub: false\nSupported: norefersub\n'),
    recv(202, '', must('Refer-Sub: *false', '1')),
    recv('BYE', 'timeout="5000"'),
    reply('200 OK'),
  );
  await succeeded(begins(caller, first));
  await hailpoint.event({ type: 'call', state: 'transferred' }, 2_000);
  await hailpoint.command('hangup');
  await succeeded(ended);
});

test('sent on in the place of another call: the INVITE names it by Replaces, and requires that', {
  timeout: 60_000,
}, async (t) => {
  const hailpoint = await terminal(t);
  const { ended } = await waits(takes('Replaces: *talk@desk;to-tag=1;from-tag=2', 'Require:[^\\n]*replaces'));
  const replaces = 'Replaces=talk%40desk%3Bto-tag%3D1%3Bfrom-tag%3D2';
  const first = sendsOn(
    referTo(`sip:desk@${desk}:5060?${replaces}`, 'Refer-Sub: false\n'),
    recv(202),
    recv('BYE', 'timeout="5000"'),
    reply('200 OK'),
  );
  await succeeded(begins(caller, first));
  await hailpoint.event({ type: 'call', state: 'transferred' }, 2_000);
  await hailpoint.command('hangup');
  await succeeded(ended);
});

test('sent to somebody who is busy: told 486, and the talk goes on', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const { ended } = await waits(scenario('busy', recv('INVITE'), reply('486 Busy Here', { tag: 'a' }), recv('ACK')));
  const first = sendsOn(
    referTo(`sip:desk@${desk}:5060`),
    recv(202),
    ...notified('100 Trying', 'active', 1),
    ...notified('486 Busy Here', 'terminated', 5),
    pause(3_000), // past the time after which a transfer that went well is hung up
    ...hangUp(3),
  );
  await succeeded(begins(caller, first));
  await succeeded(ended);
  await hailpoint.event({ type: 'call', state: 'transfer-failed' }, 1_000);
  await hailpoint.event({ type: 'call', state: 'ended', cause: 'hangup' }, 2_000);
});

// ---------------------------------------------------------------- a conference, RFC 4579

test('a conference invites us by REFER, and says by its Contact what it is', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const focus = { tag: 'a', contact: ';isfocus' };
  const { ended } = await waits(
    scenario(
      'focus',
      recv('INVITE', '', must('INVITE sip:conf7@', '1')),
      reply('200 OK', { ...focus, body: sdp() }),
      recv('ACK'),
      recv('BYE'),
      reply('200 OK'),
    ),
  );
  const invites = scenario(
    'REFER of its own',
    ask('REFER', 1, { headers: referTo(`sip:conf7@${desk}:5060`) }),
    recv(202, 'rrs="true"'),
    ...notified('100 Trying', 'active', 1),
    ...notified('200 OK', 'terminated', 5),
  );
  await succeeded(begins(caller, invites));
  const joined = await hailpoint.event({ type: 'call', state: 'connected' }, 5_000);
  assert.equal(joined.conference, true);
  await hailpoint.command('hangup');
  await succeeded(ended);
});

test('a caller becomes a conference, and is one person again', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const text = scenario(
    'becomes a focus',
    ask('INVITE', 1, { body: sdp() }),
    ...answered,
    ack(1),
    ask('UPDATE', 2, { inside: true, contact: ';isfocus' }),
    recv(200),
    pause(300),
    ask('UPDATE', 3, { inside: true }),
    recv(200),
    ...hangUp(4),
  );
  await succeeded(begins(caller, text));
  const seen = hailpoint.events.items.filter(({ state }) => state === 'conference').map(({ reason }) => reason);
  assert.deepEqual(seen, ['the other side is a conference now', 'the other side is no conference any more']);
});

// ---------------------------------------------------------------- Replaces

/** What a second telephone must say to take over the dialog that our last message with `line` was of. */
async function named(
  hailpoint: TerminalProcess,
  line: RegExp,
  tags: { ours: string; theirs: string },
): Promise<string> {
  const sent = (await hailpoint.sip()).findLast(({ direction, text }) => direction === 'out' && line.test(text));
  assert.ok(sent, `${line} was never sent`);
  const of = (header: string, pattern: string): string =>
    new RegExp(`^${header}:[^\\r\\n]*?${pattern}`, 'im').exec(sent.text)?.[1] ?? '0';
  const tag = ';tag=([^;\\s]+)';
  return `${of('Call-ID', '(\\S+)\\s*$')};to-tag=${of(tags.ours, tag)};from-tag=${of(tags.theirs, tag)}`;
}

const replacing = (replaces: string, ...then: string[]): string =>
  scenario(
    'takes over',
    ask('INVITE', 1, { headers: `Replaces: ${replaces}\nRequire: replaces\n`, body: sdp() }),
    ...then,
  );

test('a second telephone takes the talk over: the first one is hung up, nobody else can', {
  timeout: 60_000,
}, async (t) => {
  const hailpoint = await terminal(t);
  const first = begins(
    caller,
    scenario('first', ask('INVITE', 1, { body: sdp() }), ...answered, ack(1), recv('BYE'), reply('200 OK')),
  );
  await hailpoint.event({ type: 'call', state: 'connected' }, 5_000);
  const dialog = await named(hailpoint, /^SIP\/2\.0 200 [\s\S]*^CSeq: 1 INVITE/m, { ours: 'To', theirs: 'From' });
  const refused = (status: number): string[] => [recv(100, 'optional="true"'), recv(status), ack(1)];
  await succeeded(begins(caller, replacing(`${dialog}x`, ...refused(481)), 5062));
  await succeeded(begins(caller, replacing(`${dialog};early-only`, ...refused(486)), 5062));
  await succeeded(begins(caller, replacing(dialog, ...answered, ack(1), pause(500), ...hangUp(2)), 5062));
  await succeeded(first);
  await hailpoint.event({ type: 'call', state: 'transferred' }, 1_000);
  await hailpoint.event({ type: 'call', state: 'ended', cause: 'hangup' }, 2_000);
});

test('a call that rings at one telephone is picked up at the next', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const rings = scenario(
    'rings',
    recv('INVITE', '', '<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="cseq"/><log message="[$cseq]"/>'),
    reply('180 Ringing', { tag: 'a' }),
    recv('CANCEL'),
    reply('200 OK', { tag: 'a' }),
    reply('487 Request Terminated', { tag: 'a', cseq: 'CSeq:[$cseq]' }),
    recv('ACK'),
  );
  const { ended } = await waits(rings);
  await hailpoint.press();
  await hailpoint.event({ type: 'call', state: 'ringing' }, 5_000);
  // The INVITE knows no tag of theirs yet: the 180 gave it.
  const dialog = (await named(hailpoint, /^INVITE /, { ours: 'From', theirs: 'To' })).replace(
    'from-tag=0',
    'from-tag=a',
  );
  const second = replacing(`${dialog};early-only`, ...answered, ack(1), pause(500), ...hangUp(2));
  await succeeded(begins(desk, second, 5062));
  await succeeded(ended);
  await hailpoint.event({ type: 'call', state: 'connected' }, 1_000);
});
