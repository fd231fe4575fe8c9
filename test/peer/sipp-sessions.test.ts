/** SIPp as the other side: its own scenarios, and what no telephone does on demand. Without a PBX, from address to address. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { pause, recv, runSipp, type SippOutcome, scenario } from '../kit/sipp.ts';
import { ack, answered, ask, hangUp, must, reply, sdp } from '../kit/sipp-call.ts';
import { startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';

const address = '127.0.0.53';
const caller = '127.0.0.73';
const callee = '127.0.0.74';
const urgent = '127.0.0.75';

function terminal(t: TestContext, config: Tree = {}): Promise<TerminalProcess> {
  return startTerminal(t, {
    address,
    config: {
      incoming: [
        { from: '*', source: [urgent], answer: 'auto', as: 'intercom', priority: 8 },
        { from: '*', source: [caller], answer: 'auto', as: 'intercom', priority: 5 },
      ],
      calls: { desk: { steps: [{ ring: [`sip:desk@${callee}:5060`], for: '10s' }], cycles: 1 } },
      buttons: { help: { press: { call: 'desk' } } },
      ...config,
    },
  });
}

const calls = (from: string, text: string | undefined, ...args: string[]): Promise<SippOutcome> =>
  runSipp({
    ...(text !== undefined && { scenario: text }),
    args: ['-i', from, '-mi', from, '-p', '5060', '-m', '1', '-s', 'help-07', ...args, `${address}:5060`],
  });

const answers = (text: string | undefined, ...args: string[]): Promise<SippOutcome> =>
  runSipp({
    ...(text !== undefined && { scenario: text }),
    args: ['-i', callee, '-mi', callee, '-p', '5060', '-m', '1', ...args],
  });

async function succeeds(run: Promise<SippOutcome>): Promise<void> {
  const { code, output } = await run;
  assert.equal(code, 0, output);
}

// ---------------------------------------------------------------- SIPp calls

test("SIPp's own uac, three times over", { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  await succeeds(calls(caller, undefined, '-sn', 'uac', '-d', '200', '-m', '3', '-l', '1'));
  await hailpoint.shows('no calls', 2_000, (status) => status.calls.length === 0);
});

test('the caller offers late: in the ACK', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const late = scenario(
    'late offer',
    ask('INVITE', 1),
    ...answered.slice(0, 2),
    recv(200, '', must('m=audio [0-9]+ RTP/AVP', '1')),
    ack(1, sdp()),
    pause(500),
    ...hangUp(2),
  );
  const ended = hailpoint.event({ type: 'call', state: 'ended', cause: 'hangup' }, 10_000);
  await succeeds(calls(caller, late));
  await ended;
});

test('a session timer too small is refused with 422, the least that is taken is granted, and refreshed', {
  timeout: 60_000,
}, async (t) => {
  await terminal(t);
  const timer = (seconds: number): string => `Supported: timer\nSession-Expires: ${seconds};refresher=uac\n`;
  const text = scenario(
    '422',
    ask('INVITE', 1, { headers: timer(30), body: sdp() }),
    recv(100, 'optional="true"'),
    recv(422, '', must('Min-SE: *90', '1')),
    ack(1),
    ask('INVITE', 2, { headers: `${timer(90)}Min-SE: 90\n`, body: sdp() }),
    recv(100, 'optional="true"'),
    recv(180, 'optional="true"'),
    recv(200, '', must('Session-Expires: *90;refresher=uac', '2') + must('Require: *timer', '3')),
    ack(2),
    ask('UPDATE', 3, { inside: true, headers: timer(90) }),
    recv(200, '', must('Session-Expires: *90;refresher=uac', '4')),
    ask('UPDATE', 4, { inside: true, headers: timer(20) }),
    recv(422),
    ...hangUp(5),
  );
  await succeeds(calls(caller, text));
});

test('held for a more urgent call, told so, glare and all, and taken up again', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const held = scenario(
    'held',
    ask('INVITE', 1, { body: sdp() }),
    ...answered,
    ack(1),
    recv('INVITE', '', must('a=sendonly', '1')),
    reply('491 Request Pending'),
    recv('ACK'),
    recv('INVITE', '', must('a=sendonly', '2')),
    reply('200 OK', { body: sdp('recvonly', 2) }),
    recv('ACK'),
    recv('INVITE', '', must('a=sendrecv', '3')),
    reply('200 OK', { body: sdp('sendrecv', 3) }),
    recv('ACK'),
    ...hangUp(2),
  );
  const quick = scenario('urgent', ask('INVITE', 1, { body: sdp() }), ...answered, ack(1), pause(4_000), ...hangUp(2));
  const first = succeeds(calls(caller, held));
  await hailpoint.event({ state: 'connected' }, 5_000);
  await succeeds(calls(urgent, quick));
  await hailpoint.event({ state: 'held' }, 1_000);
  await hailpoint.event({ state: 'resumed' }, 2_000);
  await first;
});

test('an operator puts the caller on hold, and takes him up again', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const held = scenario(
    'held by hand',
    ask('INVITE', 1, { body: sdp() }),
    ...answered,
    ack(1),
    recv('INVITE', '', must('a=sendonly', '1')),
    reply('200 OK', { body: sdp('recvonly', 2) }),
    recv('ACK'),
    recv('INVITE', '', must('a=sendrecv', '2')),
    reply('200 OK', { body: sdp('sendrecv', 3) }),
    recv('ACK'),
    ...hangUp(2),
  );
  const run = succeeds(calls(caller, held));
  run.catch(() => undefined); // looked at in the end
  await hailpoint.event({ state: 'connected' }, 5_000);
  await hailpoint.command('hold');
  await hailpoint.event({ state: 'held' }, 1_000);
  await assert.rejects(hailpoint.command('hold'), /on hold already/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await hailpoint.command('resume');
  await hailpoint.event({ state: 'resumed' }, 1_000);
  await run;
});

test('the caller holds us in each way there is, and takes up again', { timeout: 60_000 }, async (t) => {
  const hailpoint = await terminal(t);
  const old = sdp('sendrecv', 4).replace('c=IN IP4 [media_ip]', 'c=IN IP4 0.0.0.0');
  const ways: [offered: string, answered: string][] = [
    [sdp('sendonly', 2), 'a=recvonly'],
    [sdp('inactive', 3), 'a=inactive'],
    [old, 'a=recvonly'],
    [sdp('sendrecv', 5), 'a=sendrecv'],
  ];
  const text = scenario(
    'holds',
    ask('INVITE', 1, { body: sdp() }),
    ...answered,
    ack(1),
    ...ways.flatMap(([body, expected], i) => [
      ask('INVITE', i + 2, { inside: true, body }),
      recv(100, 'optional="true"'),
      recv(200, '', must(expected, String(i + 1))),
      ack(i + 2),
      pause(200),
    ]),
    ...hangUp(6),
  );
  await succeeds(calls(caller, text));
  await hailpoint.event({ state: 'ended', cause: 'hangup' }, 2_000);
});

// ---------------------------------------------------------------- SIPp is called

/** The terminal calls; SIPp does as `text` says. */
async function pressed(t: TestContext, text: string | undefined, ...args: string[]) {
  const hailpoint = await terminal(t);
  const run = succeeds(answers(text, ...args));
  run.catch(() => undefined); // looked at in the end
  await new Promise((resolve) => setTimeout(resolve, 300)); // SIPp says nothing when it is ready
  await hailpoint.press();
  return { hailpoint, run };
}

const ok = (more = ''): string => reply('200 OK', { tag: 'a', more, body: sdp() });

test("SIPp's own uas", { timeout: 60_000 }, async (t) => {
  const { hailpoint, run } = await pressed(t, undefined, '-sn', 'uas');
  await hailpoint.event({ state: 'connected' }, 5_000);
  await hailpoint.command('hangup');
  await hailpoint.event({ state: 'ended' }, 2_000);
  await run;
});

test('asked for a longer session, sent on by 302, and answered there', { timeout: 60_000 }, async (t) => {
  const text = scenario(
    '422, 302',
    recv('INVITE', '', must('Session-Expires: *1800', '1')),
    reply('422 Session Interval Too Small', { tag: 'a', more: 'Min-SE: 3600\n' }),
    recv('ACK'),
    recv('INVITE', '', must('Session-Expires: *3600', '2') + must('Min-SE: *3600', '3')),
    reply('302 Moved Temporarily', { tag: 'b', more: 'Contact: <sip:second@[local_ip]:[local_port]>;q=0.5\n' }),
    recv('ACK'),
    recv('INVITE', '', must('INVITE sip:(second|desk)@', '4')),
    ok('Session-Expires: 3600;refresher=uas\nRequire: timer\n'),
    recv('ACK'),
    recv('BYE'),
    reply('200 OK'),
  );
  const { hailpoint, run } = await pressed(t, text);
  const sent = await hailpoint.event({ state: 'redirected' }, 5_000);
  assert.match(String(sent.reason), /sip:desk@.* sends the call on to sip:/);
  await hailpoint.event({ state: 'connected' }, 5_000);
  await hailpoint.command('hangup');
  await run;
});

test('the answer crosses our CANCEL: acknowledged, and ended', { timeout: 60_000 }, async (t) => {
  const text = scenario(
    'crossing',
    recv('INVITE'),
    reply('180 Ringing', { tag: 'a' }),
    recv('CANCEL'),
    reply('200 OK', { tag: 'a' }),
    reply('200 OK', { tag: 'a', cseq: 'CSeq: 1 INVITE', body: sdp() }),
    recv('ACK'),
    recv('BYE'),
    reply('200 OK'),
  );
  const { hailpoint, run } = await pressed(t, text);
  await hailpoint.event({ state: 'ringing' }, 5_000);
  await hailpoint.command('hangup');
  await run;
  assert.equal(
    hailpoint.events.items.some(({ state }) => state === 'connected'),
    false,
  );
});

test('a fork answers twice: the first one talks, the second is acknowledged and ended', {
  timeout: 60_000,
}, async (t) => {
  const early = (tag: string): string => reply('180 Ringing', { tag });
  const text = scenario(
    'fork',
    recv('INVITE', '', '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/><log message="[$via]"/>'),
    early('a'),
    early('b'),
    early('c'),
    reply('200 OK', { tag: 'b', body: sdp() }),
    reply('200 OK', { tag: 'c', body: sdp() }),
    recv('ACK', '', must('tag=b', '1')),
    recv('ACK', '', must('tag=c', '2')),
    recv('BYE', '', must('To:[^\\n]*tag=c', '3')),
    reply('200 OK'),
    recv('BYE', '', must('To:[^\\n]*tag=b', '4')),
    reply('200 OK'),
  );
  const { hailpoint, run } = await pressed(t, text);
  await hailpoint.event({ state: 'connected' }, 5_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await hailpoint.command('hangup');
  await run;
});

test('ten silent seconds: a mute telephone is asked, and talks on; one that is gone is called again', {
  timeout: 90_000,
}, async (t) => {
  const text = scenario(
    'mute, then gone',
    recv('INVITE'),
    ok(),
    recv('ACK'),
    // RFC 3264 §8: the same description, to the letter.
    recv('INVITE', 'timeout="13000"', must('o=- [0-9]+ 1 IN', '1')),
    reply('200 OK', { body: sdp() }),
    recv('ACK'),
  );
  const { hailpoint, run } = await pressed(t, text);
  await hailpoint.event({ state: 'connected' }, 5_000);
  await run;
  const asked = performance.now();
  const lost = await hailpoint.event({ state: 'lost' }, 16_000);
  const seconds = (performance.now() - asked) / 1000;
  t.diagnostic(`gone for ${seconds.toFixed(1)} s`);
  assert.match(String(lost.reason), /no sound came, and no sign of life/);
  assert.ok(seconds < 15.5, `${seconds} s`);
});
