/** Before the answer: PRACK with Asterisk, sound that is heard early, and what SIPp says and wants to hear of RFC 3262 and 3311. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { temporaryDirectory } from '../kit/checkout.ts';
import { heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { pause, recv, runSipp, scenario, send } from '../kit/sipp.ts';
import { account, startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';
import { judge, readWav } from '../kit/wav.ts';

test.after(() => leavePeers('asterisk'));

const withAccount = (t: TestContext, user: string, config: Tree = {}): Promise<TerminalProcess> =>
  startTerminal(t, {
    config: {
      sip: { accounts: { pbx: account(user) } },
      calls: { desk: { steps: [{ ring: ['sip:612@127.0.0.10'] }] } },
      buttons: { help: { press: { call: 'desk' } } },
      incoming: [{ from: '*', answer: 'ring', as: 'intercom', priority: 6 }],
      ...config,
    },
  });

const first = (messages: string[], pattern: RegExp): string => {
  const found = messages.find((text) => pattern.test(text));
  assert.ok(found, `${pattern} among ${messages.map((text) => text.slice(0, text.indexOf('\r'))).join(', ')}`);
  return found;
};

test('an account that requires PRACK: our call to it', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await withAccount(t, '1006');
  await terminal.registered();
  await pbx.cli('pjsip set logger on');
  const mark = pbx.mark();
  await terminal.press();
  await terminal.event({ type: 'call', state: 'ringing' }, 5_000);
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended' }, 5_000);
  const [sent, received] = [pbx.sipSince(mark, 'sent'), pbx.sipSince(mark, 'received')];
  const ringing = first(sent, /^SIP\/2\.0 18\d[\s\S]*^Require:.*100rel/m);
  const rseq = /^RSeq: *(\d+)/m.exec(ringing)![1];
  assert.match(first(received, /^PRACK /), new RegExp(`^RAck: *${rseq} \\d+ INVITE`, 'm'));
  first(sent, /^SIP\/2\.0 200 [\s\S]*^CSeq: *\d+ PRACK/m);
});

test('and its call to us', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await withAccount(t, '1006');
  await terminal.registered();
  await pbx.cli('pjsip set logger on');
  const mark = pbx.mark();
  await pbx.cli('channel originate PJSIP/1006 extension 600@intercom');
  await terminal.event({ type: 'call', direction: 'incoming', state: 'ringing' }, 5_000);
  await terminal.press();
  await terminal.event({ type: 'call', direction: 'incoming', state: 'connected' }, 5_000);
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended' }, 5_000);
  const [sent, received] = [pbx.sipSince(mark, 'sent'), pbx.sipSince(mark, 'received')];
  assert.match(first(sent, /^INVITE /), /^Require:.*100rel/m);
  assert.match(first(received, /^SIP\/2\.0 180 /), /^RSeq: *\d+/m);
  first(sent, /^PRACK /);
  first(received, /^SIP\/2\.0 200 [\s\S]*^CSeq: *\d+ PRACK/m);
});

test('what the other side plays before it answers is heard', { timeout: 120_000 }, async (t) => {
  await asterisk();
  const speech = readWav(await mediaFile('announce.wav'));
  // Asterisk does not catch up with what a busy machine made it play late: then the whole of it takes as much longer.
  await heard(t, 'the announcement', async () => {
    const { path, remove } = temporaryDirectory();
    t.after(remove);
    const speaker = join(path, 'heard.wav');
    const terminal = await withAccount(t, '1001', {
      device: { profile: 'simulated', sound: { driver: 'file', speaker } },
      calls: { desk: { steps: [{ ring: ['sip:608@127.0.0.10'] }] } },
    });
    await terminal.registered();
    await terminal.press();
    const early = await terminal.event({ type: 'call', state: 'early' }, 5_000);
    const connected = await terminal.event({ type: 'call', state: 'connected' }, 20_000);
    assert.ok(connected.monotonicMs - early.monotonicMs > 6_000, 'the whole announcement came before the answer');
    await terminal.command('hangup');
    await terminal.stop();
    return judge(readWav(speaker), speech);
  });
});

// ---------------------------------------------------------------- SIPp

const body = (port: number): string => `v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio ${port} RTP/AVP 0
a=rtpmap:0 PCMU/8000
`;

/** Keeps a header field, or a part of it, of what came. */
const keep = (header: string, name: string, regexp = '.*', more = ''): string =>
  `<ereg regexp="${regexp}" search_in="hdr" header="${header}:" assign_to="${name}" ${more}/>`;

const invited = recv(
  'INVITE',
  '',
  keep('Via', 'via') +
    keep('From', 'caller') +
    keep('To', 'callee') +
    keep('CSeq', 'number') +
    keep('Contact', 'target', 'sip:[^&gt;]*'),
);

/** An answer to the INVITE, however long ago it came. */
const reply = (status: string, headers: string[] = [], sdp = '', tag = 'one'): string =>
  send(`SIP/2.0 ${status}
Via:[$via]
From:[$caller]
To:[$callee];tag=${tag}
[last_Call-ID:]
CSeq:[$number]
Contact: <sip:desk@[local_ip]:[local_port]>
Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK
${headers.map((line) => `${line}\n`).join('')}${sdp === '' ? '' : 'Content-Type: application/sdp\n'}Content-Length: [len]

${sdp}`);

const ok = (sdp = ''): string =>
  send(`SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:desk@[local_ip]:[local_port]>
${sdp === '' ? '' : 'Content-Type: application/sdp\n'}Content-Length: [len]

${sdp}`);

const reliable = (rseq: number): string[] => ['Require: 100rel', `RSeq: ${rseq}`];
const pracked = (rseq: number): string[] => [
  recv('PRACK', '', keep('RAck', 'rack', ` *${rseq} [0-9]+ INVITE`, 'check_it="true"')),
  ok(),
];
const unused = (...names: string[]): string => `<Reference variables="${names.join(',')}"/>`;

const update = (sequence: number, sdp: string): string =>
  send(
    `UPDATE [$target] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From:[$callee];tag=one
To:[$caller]
[last_Call-ID:]
CSeq: ${sequence} UPDATE
Contact: <sip:desk@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

${sdp}`,
    'retrans="500"',
  );

const sippAddress = '127.0.0.66';

test('a telephone that says all before it answers: three reliable responses, an UPDATE, a bare 200', {
  timeout: 60_000,
}, async (t) => {
  const terminal = await startTerminal(t);
  const telephone = scenario(
    'callee',
    invited,
    reply('183 Session Progress', reliable(4711), body(6000)),
    ...pracked(4711),
    // One is ahead of its time, and comes again.
    reply('180 Ringing', reliable(4713)),
    reply('180 Ringing', reliable(4712)),
    ...pracked(4712),
    reply('180 Ringing', reliable(4713)),
    ...pracked(4713),
    update(1, body(6002)),
    recv(200, '', keep('Content-Type', 'answer', 'application/sdp', 'check_it="true"')),
    reply('200 OK'),
    recv('ACK'),
    recv('BYE'),
    ok(),
    unused('rack', 'answer'),
  );
  const run = runSipp({ scenario: telephone, args: ['-i', sippAddress, '-p', '5060', '-m', '1'] });
  await terminal.command('dial', { target: `sip:desk@${sippAddress}` });
  await terminal.event({ type: 'call', state: 'connected' }, 20_000);
  await terminal.command('hangup');
  const { code, output } = await run;
  assert.equal(code, 0, output);
});

test('a fork: two branches say what they play, a third one answers', { timeout: 60_000 }, async (t) => {
  const terminal = await startTerminal(t);
  const forking = scenario(
    'fork',
    invited,
    reply('183 Session Progress', [], body(6000), 'one'),
    reply('183 Session Progress', [], body(6002), 'two'),
    reply('200 OK', [], body(6004), 'three'),
    recv('ACK', '', keep('To', 'acked', 'tag=three', 'check_it="true"')),
    recv('BYE', '', keep('To', 'ended', 'tag=three', 'check_it="true"')),
    ok(),
    unused('target', 'acked', 'ended'),
  );
  const run = runSipp({ scenario: forking, args: ['-i', sippAddress, '-p', '5060', '-m', '1'] });
  await terminal.command('dial', { target: `sip:desk@${sippAddress}` });
  await terminal.event({ type: 'call', state: 'connected' }, 20_000);
  await terminal.command('hangup');
  const { code, output } = await run;
  assert.equal(code, 0, output);
});

/** A request of a caller; `to` with its tag, when it has one. */
const request = (method: string, sequence: number, headers: string[] = [], sdp = '', to = '[$tagged]'): string =>
  send(
    `${method} sip:help-07@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]>;tag=caller
To:${to}
Call-ID: [call_id]
CSeq: ${sequence} ${method}
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK
${headers.map((line) => `${line}\n`).join('')}${sdp === '' ? '' : 'Content-Type: application/sdp\n'}Content-Length: [len]

${sdp}`,
    method === 'ACK' ? '' : 'retrans="500"',
  );
const toUs = ' <sip:help-07@[remote_ip]>';

const answering = (t: TestContext, delay: string): Promise<TerminalProcess> =>
  startTerminal(t, {
    config: { incoming: [{ from: `sip:*@${sippAddress}`, answer: 'auto', as: 'intercom', priority: 6, delay }] },
  });

const calling = ['-i', sippAddress, '-p', '5060', '-m', '1', '127.0.0.50:5060'];

test('a caller without an offer that requires PRACK: ours in the 180, its answer in the PRACK', {
  timeout: 60_000,
}, async (t) => {
  await answering(t, '2s');
  const caller = scenario(
    'late offer',
    request('INVITE', 1, ['Require: 100rel'], '', toUs),
    recv(100, 'optional="true"'),
    recv(
      180,
      '',
      keep('To', 'tagged') +
        keep('RSeq', 'rseq', '[0-9]+') +
        keep('Content-Type', 'offer', 'application/sdp', 'check_it="true"'),
    ),
    request('PRACK', 2, ['RAck: 1 1 INVITE']),
    recv(481),
    request('PRACK', 3, ['RAck: [$rseq] 1 INVITE'], body(6000)),
    recv(200),
    request('UPDATE', 4, [], body(6002)),
    recv(200),
    recv(200),
    request('ACK', 1),
    pause(200),
    request('BYE', 5),
    recv(200),
    unused('offer'),
  );
  const { code, output } = await runSipp({ scenario: caller, args: calling });
  assert.equal(code, 0, output);
});

test('offers that meet: 491 while ours waits for its answer, 500 while theirs does', { timeout: 60_000 }, async (t) => {
  await answering(t, '1s');
  const caller = scenario(
    'glare',
    request('INVITE', 1, ['Require: 100rel'], body(6000), toUs),
    recv(100, 'optional="true"'),
    recv(180, '', keep('To', 'tagged') + keep('RSeq', 'rseq', '[0-9]+')),
    request('PRACK', 2, ['RAck: [$rseq] 1 INVITE']),
    recv(200),
    // The offer of the INVITE is not answered yet.
    request('UPDATE', 3, [], body(6002)),
    recv(500, '', keep('Retry-After', 'seconds', '[0-9]+', 'check_it="true"')),
    recv(200),
    request('ACK', 1),
    // Now theirs is without an offer, so that ours waits for the ACK.
    request('INVITE', 4),
    recv(100, 'optional="true"'),
    recv(200),
    request('INVITE', 5, [], body(6004)),
    recv(100, 'optional="true"'),
    recv(491),
    request('ACK', 5),
    request('ACK', 4, [], body(6000)),
    pause(200),
    request('BYE', 6),
    recv(200),
    unused('seconds'),
  );
  const { code, output } = await runSipp({ scenario: caller, args: calling });
  assert.equal(code, 0, output);
});
