/** A proxy as it is: Kamailio with nonces of 5 s and SHA-256, what it answers by itself, TLS, and rtpengine in the way of the sound. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { SRTP_SUITES } from '../../src/rtp/suites.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { heard } from '../kit/heard.ts';
import { mediaFile, peersCa, startPeers, stopPeers } from '../kit/peers.ts';
import { offer, request, udpSender } from '../kit/sip.ts';
import { net, startTerminal, type TerminalProcess, type Traced, type Tree } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { cut, Ear, judge, readWav } from '../kit/wav.ts';

const proxy = `${net}.20`;
const anchor = `${net}.21`;
const pagingDesk = `${net}.66`;
const at = (user: string): string => `sip:${user}@${proxy}`;

const user = (name: string, more: Tree = {}): Tree => ({
  address: at(name),
  servers: [`sip:${proxy}`],
  username: name,
  password: `pw${name}`,
  expires: '60s',
  ...more,
});

/** Over UDP, and the one that presses. */
let help: TerminalProcess;
/** Answers what asks for it; behind TLS. */
let desk: TerminalProcess;
/** Speaks G.722 only. */
let wide: TerminalProcess;
const ears: Record<string, Ear> = {};
const undo: (() => Promise<void> | void)[] = [];

test.before(async () => {
  await stopPeers('kamailio', 'rtpengine');
  // rtpengine first: the proxy looks for it when it starts.
  await startPeers(['rtpengine']);
  await startPeers(['kamailio'], { PEERS_KAM_NONCE: '5', PEERS_KAM_ALG: 'SHA-256' });
  const { path, remove } = temporaryDirectory();
  undo.push(remove);
  const speech = await mediaFile('announce.wav');
  const device = (name: string): Tree => {
    ears[name] = new Ear(join(path, `${name}-speaker.wav`));
    const microphone = join(path, `${name}-microphone.wav`);
    copyFileSync(speech, microphone);
    return { profile: 'simulated', sound: { driver: 'file', speaker: ears[name].path, microphone } };
  };
  const cleaner = { after: (done: () => Promise<void> | void) => void undo.unshift(done) };
  help = await startTerminal(cleaner, {
    address: `${net}.50`,
    config: {
      device: device('help'),
      // Less than the registrar grants.
      sip: { accounts: { kam: user('help', { expires: '10s' }) } },
      calls: {
        refused: { steps: ['480', '500', '302desk'].map((name) => ({ ring: [at(name)] })), cycles: 1, priority: 5 },
        encrypted: { steps: [{ ring: [at('8desk')] }] },
        handshake: { steps: [{ ring: [at('9desk')] }] },
        wideband: { steps: [{ ring: [at('8wide')] }] },
        intercom: { steps: [{ ring: [at('7asked')] }] },
      },
      buttons: Object.fromEntries(
        ['refused', 'encrypted', 'handshake', 'wideband', 'intercom'].map((plan) => [plan, { press: { call: plan } }]),
      ),
      incoming: [{ from: '*', source: [pagingDesk], answer: 'auto', as: 'page', priority: 10 }],
    },
  });
  desk = await startTerminal(cleaner, {
    address: `${net}.54`,
    config: {
      device: device('desk'),
      sip: {
        tls: { ca: (await peersCa()).path },
        accounts: {
          kam: user('desk', { servers: [`sip:${proxy}:5061;transport=tls`], encryption: 'offered' }),
          asked: user('asked'),
        },
      },
      incoming: [{ from: 'sip:help@*', answer: 'auto', as: 'intercom', priority: 6 }],
    },
  });
  wide = await startTerminal(cleaner, {
    address: `${net}.55`,
    config: {
      device: device('wide'),
      audio: { codecs: ['g722'] },
      sip: { accounts: { kam: user('wide', { encryption: 'offered' }) } },
      incoming: [{ from: 'sip:help@*', answer: 'auto', as: 'intercom', priority: 6 }],
    },
  });
  await wide.registered('kam');
  await help.registered('kam');
  await desk.registered('kam');
  await desk.registered('asked');
});
test.after(async () => {
  for (const act of undo) await act();
  await stopPeers('kamailio', 'rtpengine');
});

const callId = ({ text }: Traced): string => /^Call-ID: .*$/m.exec(text)![0];
const startLine = ({ direction, text }: Traced): string => `${direction} ${text.slice(0, text.indexOf('\r'))}`;

/** The SIP of the last call of a terminal. */
async function lastCall(terminal: TerminalProcess): Promise<Traced[]> {
  const all = await terminal.sip();
  const begin = all.findLast(
    ({ text, remote }) => /^INVITE (?![\s\S]*^To:[^\r]*;tag=)/m.test(text) && remote.host === proxy,
  );
  assert.ok(begin, 'no INVITE');
  return all.filter((one) => callId(one) === callId(begin));
}

function first(messages: Traced[], direction: 'in' | 'out', ...patterns: RegExp[]): string {
  const found = messages.find(
    (one) => one.direction === direction && patterns.every((pattern) => pattern.test(one.text)),
  );
  assert.ok(found, `${direction} ${patterns.join(' ')} among\n${messages.map(startLine).join('\n')}`);
  return found.text;
}

test('a registration outlives its nonces and its registrar’s least interval', { timeout: 60_000 }, async (t) => {
  const registers = async (): Promise<Traced[]> =>
    (await help.sip()).filter(({ text }) => /^CSeq: \d+ REGISTER/m.test(text));
  first(await registers(), 'in', /^SIP\/2\.0 423 /, /^Min-Expires: 20/m);
  const refreshed = await until('a refresh with a nonce that is too old', 25_000, async () => {
    const all = await registers();
    const stale = all.findIndex(
      ({ direction, text }) => direction === 'in' && /^SIP\/2\.0 401 [\s\S]*stale=true/i.test(text),
    );
    const after = stale < 0 ? [] : all.slice(stale);
    return after.some(({ direction, text }) => direction === 'in' && /^SIP\/2\.0 200 /.test(text)) && after;
  });
  const lines = refreshed.map(startLine);
  t.diagnostic(lines.join(', '));
  // The answer to the 401, and no second try.
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.replace(/ sip:.*/, '')),
    ['in SIP/2.0 401 Unauthorized', 'out REGISTER', 'in SIP/2.0 200 OK'],
  );
  assert.match(refreshed[1].text, /^Expires: 20\r?$/m);
  assert.match(refreshed[1].text, /^Authorization: Digest .*algorithm=SHA-256/m);
  assert.equal(
    help.events.items.filter(({ type, registered }) => type === 'registration' && registered === false).length,
    0,
  );
  assert.deepEqual((await help.status()).faults, []);
});

test('480 and 503 are left with their reasons, 302 is followed; the talk passes the proxy in both directions', {
  timeout: 60_000,
}, async (t) => {
  const from = help.events.items.length;
  const there = desk.events.items.length;
  await help.press('refused');
  await help.event({ type: 'call', state: 'connected' }, 10_000, from);
  const told = help.events.items.slice(from).filter(({ state }) => state === 'unreached' || state === 'redirected');
  assert.deepEqual(
    told.map(({ state, cause, reason }) => `${state} ${cause ?? ''}: ${reason}`),
    [
      'unreached no-answer: 480 Temporarily Unavailable',
      'unreached unreachable: 503 Service Unavailable',
      `redirected : sip:302desk@${proxy} sends the call on to sip:desk@${proxy}`,
    ],
  );
  // One 503 of a proxy that is there, and no registration is lost.
  assert.equal((await help.status()).registrations.kam.registered, true);

  // Something more important is heard: the call is held by a re-INVITE, and taken up by another.
  const pager = await udpSender(pagingDesk, { address: help.address, port: 5060 });
  t.after(() => pager.close());
  const ids = { callId: 'page-in-between', branch: 'z9hG4bK-page-in-between' };
  pager.send(
    request(pager, 'INVITE', `sip:help-07@${help.address}`, {
      ...ids,
      headers: ['Content-Type: application/sdp'],
      body: offer(pagingDesk, 40_000, 'sendonly'),
    }),
  );
  const answered = await pager.inbox.take('200', 3_000, ({ status, method }) => status === 200 && method === 'INVITE');
  const toTag = /^To:[^\r]*;tag=(\S+)/m.exec(answered.text)![1];
  pager.send(request(pager, 'ACK', `sip:help-07@${help.address}`, { callId: ids.callId, toTag }));
  await help.event({ type: 'call', state: 'held' }, 3_000, from);
  pager.send(request(pager, 'BYE', `sip:help-07@${help.address}`, { callId: ids.callId, toTag, sequence: 2 }));
  await help.event({ type: 'call', state: 'resumed' }, 3_000, from);
  await until('the sound to be back', 3_000, async () => {
    const numberOf = ({ text }: Traced): string | undefined => /^CSeq: (\d+) (?:INVITE|ACK)/m.exec(text)?.[1];
    const all = await lastCall(help);
    const resuming = all.findLast(({ direction, text }) => direction === 'out' && /^INVITE /.test(text));
    if (resuming === undefined || !/^a=sendrecv/m.test(resuming.text)) return false;
    // With the ACK to it, or our BYE meets it on the way.
    return ['in SIP/2.0 200 OK', 'out ACK'].every((line) =>
      all.some((one) => startLine(one).startsWith(line) && numberOf(one) === numberOf(resuming)),
    );
  });
  await desk.command('hangup');
  await desk.event({ state: 'ended', cause: 'hangup' }, 3_000, there);
  await help.event({ type: 'call', state: 'ended', cause: 'hangup' }, 3_000, from);

  const call = await lastCall(help);
  assert.deepEqual([...new Set(call.map(({ remote }) => remote.host))], [proxy], 'nobody but the proxy is talked to');
  const within = call.filter(
    ({ direction, text }) => direction === 'out' && /^(ACK|INVITE) [\s\S]*^Route: <sip:/m.test(text),
  );
  assert.ok(
    within.length >= 5,
    `an ACK, and two re-INVITEs with theirs, are routed:\n${call.map(startLine).join('\n')}`,
  );
  first(call, 'out', /^INVITE /, /^To:[^\r]*;tag=/m, /^Route: /m, /^a=(sendonly|inactive)/m);
  first(call, 'in', /^BYE /);
  const over = await lastCall(desk);
  assert.ok(
    over.every(({ transport }) => transport === 'tls'),
    'TLS all the way to the desk',
  );
  first(over, 'out', /^BYE /, /^Route: <sip:[^\r]*transport=tls/m);
});

test('7USER: the proxy asks for an automatic answer', { timeout: 60_000 }, async () => {
  const from = help.events.items.length;
  const there = desk.events.items.length;
  await help.press('intercom');
  await help.event({ type: 'call', state: 'connected' }, 5_000, from);
  const answered = await desk.event({ direction: 'incoming', state: 'answered' }, 3_000, there);

  assert.match(String(answered.reason), /Call-Info answer-after/);
  await help.command('hangup');
  await desk.event({ state: 'ended' }, 3_000, there);
});

/** A call that the other one answers: each hears what the other says. */
async function bothHear(t: TestContext, call: () => Promise<unknown>, other = desk, name = 'desk'): Promise<void> {
  const speech = readWav(await mediaFile('announce.wav'));
  await heard(t, 'who hears less', async () => {
    const from = help.events.items.length;
    const there = other.events.items.length;
    await call();
    await help.event({ type: 'call', state: 'connected' }, 5_000, from);
    const both = [ears[name], ears.help];
    for (const ear of both) ear.mark();
    await new Promise((resolve) => setTimeout(resolve, 9_500));
    await help.command('hangup');
    await other.event({ state: 'ended' }, 3_000, there);
    const [called, caller] = both.map((ear) => judge(cut(ear.heard(), 0, 9_500), speech));
    t.diagnostic(`match ${called.match.toFixed(3)} at the one called, ${caller.match.toFixed(3)} at the help point`);
    const less = called.match < caller.match ? called : caller;
    return { ...less, clipped: called.clipped + caller.clipped };
  });
}

test('8USER, who speaks G.722 only: both hear each other', { timeout: 120_000 }, async (t) => {
  const there = wide.events.items.length;
  await bothHear(t, () => help.press('wideband'), wide, 'wide');
  await wide.event({ type: 'quality', codec: 'g722' }, 2_000, there);
});

test('8USER: rtpengine in between, encrypted on the far side; both hear each other', {
  timeout: 120_000,
}, async (t) => {
  const there = desk.events.items.length;
  await bothHear(t, () => help.press('encrypted'));
  await desk.event({ type: 'quality', codec: 'opus' }, 2_000, there);
  const invite = first(await lastCall(desk), 'in', /^INVITE /, /^m=audio \d+ RTP\/SAVP /m);
  const suites = [...invite.matchAll(/^a=crypto:(\d+) (\S+)/gm)];
  assert.equal(suites.length, 12);
  const [, tag, suite] = /^a=crypto:(\d+) (\S+)/m.exec(
    first(await lastCall(desk), 'out', /^SIP\/2\.0 200 /, /^m=audio /m),
  )!;
  t.diagnostic(`${suite}, tag ${tag}`);
  assert.ok(
    suites.some(([, number, name]) => number === tag && name === suite),
    `${tag} ${suite} was offered`,
  );
  for (const text of [invite, first(await lastCall(help), 'in', /^SIP\/2\.0 200 /, /^m=audio /m)])
    assert.match(text, new RegExp(`^c=IN IP4 ${anchor.replaceAll('.', '\\.')}`, 'm'), 'the sound passes rtpengine');
});

const codecs = ['opus', 'g722', 'pcma', 'pcmu'];
for (const [index, suite] of Object.keys(SRTP_SUITES).entries()) {
  const codec = codecs[index % codecs.length];
  test(`8USER: of our suites rtpengine offers ${suite} alone, and ${codec}; both hear each other`, {
    timeout: 120_000,
  }, async (t) => {
    const others = Object.keys(SRTP_SUITES).filter((other) => other !== suite);
    const flags = [
      ...others.map((other) => `SDES-no-${other}`),
      'codec-strip-all',
      `codec-offer-${codec.toUpperCase()}`,
    ];
    const there = desk.events.items.length;
    await bothHear(t, () => help.command('dial', { target: `${at('8desk')};flags=${flags.join('%20')}` }));
    await desk.event({ type: 'quality', codec }, 2_000, there);
    const answer = first(await lastCall(desk), 'out', /^SIP\/2\.0 200 /, /^m=audio \d+ RTP\/SAVP /m);
    assert.equal(/^a=crypto:\d+ (\S+)/m.exec(answer)?.[1], suite);
  });
}

test('9USER: rtpengine in between, DTLS on the far side; both hear each other', { timeout: 120_000 }, async (t) => {
  const there = desk.events.items.length;
  await bothHear(t, () => help.press('handshake'));
  const { reason } = await desk.event({ state: 'encrypted' }, 100, there);
  const call = await lastCall(desk);
  const invite = first(call, 'in', /^INVITE /, /^m=audio \d+ UDP\/TLS\/RTP\/SAVP /m, /^a=fingerprint:/m);
  const answer = first(call, 'out', /^SIP\/2\.0 200 /, /^m=audio \d+ UDP\/TLS\/RTP\/SAVP /m, /^a=fingerprint:/m);
  const setups = [invite, answer].map((text) => /^a=setup:(\S+)/m.exec(text)?.[1]);
  t.diagnostic(`${reason}, ${setups[0]} answered with ${setups[1]}`);
});
