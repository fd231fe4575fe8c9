/** Servers and telephones that die, hang or come back in the middle of a call, of ringing and of a registration. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { asterisk, leavePeers, peerProcess, peersCa, startPeers, stopPeers } from '../kit/peers.ts';
import { account, net, startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const pbx = `${net}.10`;
const proxy = `${net}.20`;
const phoneAt = `${net}.30`;
/** After the server's return. */
const backLimitMs = 15_000;
/** A talk whose other side is gone, or whose sound and server are gone. */
const goneLimitMs = 20_000;

test.after(async () => {
  await stopPeers('baresip');
  await leavePeers('asterisk', 'kamailio');
});

/** Buttons `pbx` (a tone of the PBX), `rings` (a desk behind the PBX that does not answer, then a telephone) and `direct`. */
function terminalOf(t: TestContext, config: Tree = {}): Promise<TerminalProcess> {
  const plans = {
    pbx: { steps: [{ ring: [`sip:603@${pbx}`] }] },
    rings: { steps: [{ ring: [`sip:604@${pbx}`], for: '6s' }, { ring: [`sip:1002@${phoneAt}`] }] },
    direct: { steps: [{ ring: [`sip:1002@${phoneAt}`], for: '3s' }], cycles: 1 },
  };
  return startTerminal(t, {
    config: {
      sip: { accounts: { pbx: account('1001') } },
      calls: plans,
      buttons: Object.fromEntries(Object.keys(plans).map((plan) => [plan, { press: { call: plan } }])),
      ...config,
    },
  });
}

async function telephone(t: TestContext): Promise<Baresip> {
  const phone = await Baresip.open('baresip', {
    PEERS_TERM_ACCOUNT: `<sip:1002@${phoneAt}>;regint=0;answermode=auto`,
  });
  t.after(() => phone.close());
  return phone;
}

const kill = async (name: 'asterisk' | 'kamailio' | 'baresip', signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
  const pid = await peerProcess(name);
  // Kamailio serves with its children.
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  for (const one of [pid, ...children]) process.kill(Number(one), signal);
};

test('the PBX is killed in a talk: it ends with a reason; registered again after its return, and a press gets through', {
  timeout: 120_000,
}, async (t) => {
  await asterisk();
  const terminal = await terminalOf(t);
  await terminal.registered();
  await terminal.press('pbx');
  const { call } = await terminal.event({ type: 'call', state: 'connected' }, 5_000);
  const from = terminal.events.items.length;
  await kill('asterisk');
  const killed = performance.now();
  await terminal.event({ type: 'registration', registered: false }, 12_000, from);
  t.diagnostic(`the loss of the PBX is noticed after ${Math.round(performance.now() - killed)} ms`);
  const lost = await terminal.events.take(
    'the end of the talk',
    goneLimitMs,
    ({ state }) => state === 'lost' || state === 'ended' || state === 'failed',
    from,
  );
  t.diagnostic(`${lost.state} after ${Math.round(performance.now() - killed)} ms: ${lost.reason}`);
  assert.equal(lost.call, call);
  assert.ok(String(lost.reason).length > 0);
  const away = terminal.events.items.length;
  await startPeers(['asterisk']);
  const back = performance.now();
  await terminal.event({ type: 'registration', registered: true }, backLimitMs, away);
  t.diagnostic(`registered ${Math.round(performance.now() - back)} ms after the return`);
  // A talk that was lost is called anew by its plan.
  if (lost.state === 'lost') await terminal.event({ type: 'call', call, state: 'connected' }, 15_000, away);
  if ((await terminal.status()).calls.length > 0) await terminal.command('hangup');
  const pressed = terminal.events.items.length;
  await terminal.press('pbx');
  await terminal.event({ type: 'call', state: 'connected' }, 5_000, pressed);
  await terminal.command('hangup');
});

test('the PBX is killed while it rings: the plan goes on, and a telephone is reached', {
  timeout: 90_000,
}, async (t) => {
  await asterisk();
  await stopPeers('baresip');
  const phone = await telephone(t);
  const terminal = await terminalOf(t);
  await terminal.registered();
  await terminal.press('rings');
  const ringing = await terminal.event({ type: 'call', state: 'ringing' }, 5_000);
  await kill('asterisk');
  const connected = await terminal.event({ type: 'call', state: 'connected' }, 8_000);
  assert.match(String(connected.peer), /1002/);
  t.diagnostic(`talking ${Math.round(connected.monotonicMs - ringing.monotonicMs)} ms after the first ring`);
  await terminal.command('hangup');
  await phone.event('CALL_CLOSED', 3_000);
  // What was left ringing at the dead server is not kept for ever.
  await terminal.shows('no call', 2_000, ({ calls }) => calls.length === 0);
});

test('the PBX hangs between REGISTER and its answer, and wakes: registered at once, and not twice', {
  timeout: 90_000,
}, async (t) => {
  const { contacts } = await asterisk().then((server) => ({ contacts: () => server.contacts('1001') }));
  await kill('asterisk', 'SIGSTOP');
  t.after(() => kill('asterisk', 'SIGCONT').catch(() => {}));
  const terminal = await terminalOf(t);
  await until('a REGISTER under way', 3_000, async () =>
    (await terminal.sip()).some(({ text }) => /^REGISTER /.test(text)),
  );
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.equal((await terminal.status()).registrations.pbx.registered, false);
  await kill('asterisk', 'SIGCONT');
  const woken = performance.now();
  await terminal.registered('pbx', 8_000);
  t.diagnostic(`registered ${Math.round(performance.now() - woken)} ms after it woke`);
  assert.equal((await contacts()).length, 1);
});

test('the PBX hangs, is killed and started anew in the middle of a registration', { timeout: 90_000 }, async (t) => {
  await asterisk();
  await kill('asterisk', 'SIGSTOP');
  const terminal = await terminalOf(t);
  await until('a REGISTER under way', 3_000, async () =>
    (await terminal.sip()).some(({ text }) => /^REGISTER /.test(text)),
  );
  await kill('asterisk');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await startPeers(['asterisk']);
  const back = performance.now();
  await terminal.registered('pbx', backLimitMs);
  t.diagnostic(`registered ${Math.round(performance.now() - back)} ms after the return`);
  const from = terminal.events.items.length;
  await terminal.press('pbx');
  await terminal.event({ type: 'call', state: 'connected' }, 5_000, from);
  await terminal.command('hangup');
});

test('the proxy is killed in a talk that it only signals: the talk goes on, and ends by way of the new one', {
  timeout: 120_000,
}, async (t) => {
  await startPeers(['kamailio']);
  const user = (name: string): Tree => account(name, { address: `sip:${name}@${proxy}`, servers: [`sip:${proxy}`] });
  const desk = await startTerminal(t, {
    address: `${net}.54`,
    config: {
      sip: { accounts: { kam: user('desk') } },
      incoming: [{ from: '*', answer: 'auto', as: 'intercom' }],
    },
  });
  const terminal = await startTerminal(t, {
    config: {
      sip: { accounts: { kam: user('help') } },
      calls: { desk: { steps: [{ ring: [`sip:desk@${proxy}`] }] } },
      buttons: { help: { press: { call: 'desk' } } },
    },
  });
  await desk.registered('kam');
  await terminal.registered('kam');
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 5_000);
  const from = terminal.events.items.length;
  await kill('kamailio');
  await terminal.event({ type: 'registration', registered: false }, 12_000, from);
  // As long as a silent talk with its server gone would last.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  for (const side of [terminal, desk])
    assert.deepEqual(
      (await side.status()).calls.map(({ state }) => state),
      ['connected'],
    );
  const away = terminal.events.items.length;
  await startPeers(['kamailio']);
  const back = performance.now();
  await terminal.event({ type: 'registration', registered: true }, backLimitMs, away);
  t.diagnostic(`registered ${Math.round(performance.now() - back)} ms after the return`);
  await desk.registered('kam', backLimitMs);
  await terminal.command('hangup');
  await desk.event({ state: 'ended', cause: 'hangup' }, 3_000);
  const again = terminal.events.items.length;
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 5_000, again);
  await terminal.command('hangup');
});

test('a proxy hangs behind TLS: the other server takes the press, and what the proxy says when it wakes makes nobody ring', {
  timeout: 90_000,
}, async (t) => {
  await asterisk();
  await startPeers(['kamailio']);
  const both = account('1001', {
    address: 'sip:1001@peers.test',
    servers: [`sip:${proxy}:5061;transport=tls`, `sip:${pbx}`],
  });
  const terminal = await terminalOf(t, {
    sip: { tls: { ca: (await peersCa()).path }, accounts: { pbx: both } },
    calls: { tone: { steps: [{ ring: ['sip:603@peers.test'] }] } },
    buttons: { tone: { press: { call: 'tone' } } },
  });
  await terminal.registered();
  await kill('kamailio', 'SIGSTOP');
  t.after(() => kill('kamailio', 'SIGCONT').catch(() => {}));
  const from = terminal.events.items.length;
  const pressed = performance.now();
  await terminal.press('tone');
  await terminal.event({ type: 'call', state: 'connected' }, 5_000, from);
  t.diagnostic(`press to answer ${Math.round(performance.now() - pressed)} ms`);
  await terminal.event({ type: 'registration', reason: `200 OK at ${pbx}:5060 (UDP)` }, 12_000, from);
  await terminal.command('hangup');
  await kill('kamailio', 'SIGCONT');
  const away = terminal.events.items.length;
  await terminal.event({ type: 'registration', reason: `200 OK at ${proxy}:5061 (TLS)` }, backLimitMs, away);
  const there = (await terminal.sip()).filter(({ remote }) => remote.host === proxy);
  const invites = there.filter(({ direction, text }) => direction === 'out' && /^INVITE /.test(text));
  assert.equal(invites.length, 1, 'the INVITE that nobody answered, and no other');
});

test('a telephone is killed in a direct talk: it is over within 15 s, with a reason', {
  timeout: 90_000,
}, async (t) => {
  await stopPeers('baresip');
  await telephone(t);
  const terminal = await terminalOf(t, { sip: {} });
  await terminal.press('direct');
  await terminal.event({ type: 'call', state: 'connected' }, 5_000);
  const from = terminal.events.items.length;
  await kill('baresip');
  const killed = performance.now();
  const lost = await terminal.events.take(
    'the end of the talk',
    16_000,
    ({ state }) => state === 'lost' || state === 'ended' || state === 'failed',
    from,
  );
  t.diagnostic(`${lost.state} after ${Math.round(performance.now() - killed)} ms: ${lost.reason}`);
  assert.ok(String(lost.reason).length > 0);
  // The plan calls anew, reaches nobody, and says so.
  await terminal.event({ type: 'call', state: 'failed' }, 15_000, from);
});
