/** Every account and every extension of the kit's Asterisk, by one terminal that has all of the accounts at once. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { heard } from '../kit/heard.ts';
import { type Asterisk, asterisk, leavePeers, mediaFile, stopPeers } from '../kit/peers.ts';
import {
  account,
  type Event,
  net,
  startTerminal,
  type TerminalProcess,
  type Traced,
  type Tree,
} from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { Ear, judge, levelDbfs, readWav, toneDbfs } from '../kit/wav.ts';

let pbx: Asterisk;
let terminal: TerminalProcess;
let ear: Ear;
const undo: (() => Promise<void> | void)[] = [];

/** What an account asks for beside its name and password. */
const wishes: Record<string, Tree> = { 1004: { encryption: 'required' }, 1008: { encryption: 'offered' } };
const users = Array.from({ length: 10 }, (_, i) => `${1001 + i}`);
/** Each account has a domain of its own, which chooses among accounts of one server. */
const of = (user: string, extension: number | string): string => `sip:${extension}@a${user}.test`;
const steps = (...extensions: number[]): Tree[] => extensions.map((extension) => ({ ring: [of('1001', extension)] }));

test.before(async () => {
  pbx = await asterisk();
  const { path, remove } = temporaryDirectory();
  undo.push(remove);
  ear = new Ear(join(path, 'speaker.wav'));
  copyFileSync(await mediaFile('announce.wav'), join(path, 'microphone.wav'));
  terminal = await startTerminal(
    { after: (done) => void undo.unshift(done) },
    {
      config: {
        device: {
          profile: 'simulated',
          sound: { driver: 'file', speaker: ear.path, microphone: join(path, 'microphone.wav') },
        },
        sip: {
          accounts: Object.fromEntries(
            users.map((user) => [`a${user}`, account(user, { address: `sip:${user}@a${user}.test`, ...wishes[user] })]),
          ),
        },
        calls: {
          refused: { steps: steps(605, 606, 607, 603), cycles: 1 },
          digits: { steps: steps(613), prolong: '4' },
        },
        buttons: { refused: { press: { call: 'refused' } }, digits: { press: { call: 'digits' } } },
        incoming: [{ from: '*', answer: 'auto', as: 'intercom', priority: 6 }],
      },
    },
  );
});
test.after(async () => {
  for (const act of undo) await act();
  await stopPeers('baresip');
  await leavePeers('asterisk');
});

/** The SIP of the last call: everything of the Call-ID of the last INVITE outside a dialog. */
async function lastCall(): Promise<Traced[]> {
  const all = await terminal.sip();
  const begin = all.findLast(({ text }) => /^INVITE (?![\s\S]*^To:[^\r]*;tag=)/m.test(text));
  assert.ok(begin, 'no INVITE');
  const [id] = /^Call-ID: .*$/m.exec(begin.text)!;
  return all.filter(({ text }) => text.includes(id));
}

/** The first message that fits, by direction, start line and what else it must have. */
function first(messages: Traced[], direction: 'in' | 'out', ...patterns: RegExp[]): string {
  const found = messages.find(
    (one) => one.direction === direction && patterns.every((pattern) => pattern.test(one.text)),
  );
  const lines = messages.map((one) => `${one.direction} ${one.text.slice(0, one.text.indexOf('\r'))}`);
  assert.ok(found, `${direction} ${patterns.join(' ')} among\n${lines.join('\n')}`);
  return found.text;
}

/** Dials and waits for the talk; returns where its events begin. */
async function talk(user: string, extension: number | string, limitMs = 5_000): Promise<number> {
  const from = terminal.events.items.length;
  await terminal.command('dial', { target: of(user, extension) });
  await terminal.event({ type: 'call', state: 'connected' }, limitMs, from);
  return from;
}

async function hangup(from: number): Promise<Event> {
  await terminal.command('hangup');
  return terminal.event({ type: 'call', state: 'ended' }, 3_000, from);
}

async function hears(what: string, limitMs: number, look: () => number, atLeast: number): Promise<void> {
  let last = Number.NEGATIVE_INFINITY;
  await until(what, limitMs, () => (last = look()) > atLeast).catch((error: Error) => {
    throw new Error(`${error.message}: ${last}`);
  });
}

/** What was heard in the last half second since the ear's mark; nothing before there is as much. */
const lately = () => {
  const { rateHz, samples } = ear.heard();
  return { rateHz, samples: samples.length < rateHz / 2 ? samples.subarray(0, 0) : samples.subarray(-rateHz / 2) };
};

test('ten accounts register at once', { timeout: 60_000 }, async () => {
  await terminal.shows('all to be registered', 10_000, ({ registrations }) =>
    Object.values(registrations).every(({ registered }) => registered),
  );
  for (const user of users) {
    const contacts = await pbx.contacts(user);
    assert.equal(contacts.length, 1, user);
    assert.match(contacts[0], new RegExp(`^sip:${user}@${net}\\.50:5060`));
  }
  const { length } = (await terminal.sip()).filter(
    ({ direction, text }) => direction === 'out' && /^REGISTER /.test(text),
  );
  assert.ok(length <= 2 * users.length, `${length} REGISTER requests: one without and one with credentials each`);
});

/** What each account must have on the wire: in a call of ours, and in a call to us. */
const behaviours: Record<string, { calling?: (call: Traced[]) => void; called?: (call: Traced[]) => void }> = {
  1003: {
    calling: (call) => void first(call, 'out', /^INVITE /, /^(Proxy-)?Authorization: Digest .*algorithm=SHA-256/m),
  },
  1004: {
    calling: (call) => {
      first(call, 'out', /^INVITE /, /^m=audio \d+ RTP\/SAVP /m);
      const [, tag] = /^a=crypto:(\d+) /m.exec(first(call, 'in', /^SIP\/2\.0 200 /, /^m=audio \d+ RTP\/SAVP /m))!;
      first(call, 'out', /^INVITE /, new RegExp(`^a=crypto:${tag} `, 'm'));
    },
    called: (call) => void first(call, 'out', /^SIP\/2\.0 200 /, /^m=audio \d+ RTP\/SAVP /m, /^a=crypto:1 /m),
  },
  1006: {
    calling: (call) => {
      first(call, 'out', /^INVITE /, /^Supported:.*\b100rel\b/m);
      first(call, 'in', /^SIP\/2\.0 183 /, /^Require:.*\b100rel\b/m);
      first(call, 'out', /^PRACK /, /^RAck: \d+ \d+ INVITE/m);
    },
    called: (call) => void first(call, 'in', /^INVITE /, /^Require:.*\b100rel\b/m),
  },
  1007: {
    calling: (call) => {
      // Both are offered; the stronger one is answered, and it alone.
      const invite = first(call, 'out', /^INVITE /, /^(Proxy-)?Authorization: /m);
      assert.deepEqual(invite.match(/algorithm=[A-Z0-9-]+/g), ['algorithm=SHA-256']);
    },
  },
  1008: {
    calling: (call) => void first(call, 'in', /^SIP\/2\.0 200 /, /^m=audio \d+ RTP\/AVP /m, /^a=crypto:/m),
    called: (call) => void first(call, 'out', /^SIP\/2\.0 200 /, /^m=audio \d+ RTP\/AVP /m, /^a=crypto:/m),
  },
  1010: {
    calling: (call) => {
      first(call, 'out', /^INVITE /, /^Supported:.*\btimer\b/m);
      first(call, 'in', /^SIP\/2\.0 200 /, /^Session-Expires: \d+;refresher=ua[cs]/m);
    },
    called: (call) =>
      void first(call, 'out', /^SIP\/2\.0 200 /, /^Session-Expires: 90;refresher=uas/m, /^Require:.*\btimer\b/m),
  },
};

// DTLS-SRTP has proofs of its own.
for (const user of users.filter((user) => user !== '1005')) {
  const what = user === '1006' ? 608 : 601;
  test(`${user}: it calls ${what}, and is called`, {
    timeout: 60_000,
  }, async () => {
    const { calling, called } = behaviours[user] ?? {};
    let from = await talk(user, what, what === 608 ? 12_000 : 5_000);
    ear.mark();
    // What was said comes back; 608 speaks itself.
    await hears('speech', 5_000, () => levelDbfs(lately()), -40);
    await hangup(from);
    const mine = await until('the answer to our BYE', 3_000, async () => {
      const call = await lastCall();
      return call.some(({ direction, text }) => direction === 'in' && /^CSeq: \d+ BYE/m.test(text)) && call;
    });
    first(mine, 'out', /^INVITE /, new RegExp(`^From:[^\r]*<sip:${user}@a${user}\\.test>`, 'm'));
    calling?.(mine);

    from = terminal.events.items.length;
    await pbx.cli(`channel originate PJSIP/${user} extension 603@intercom`);
    const { call } = await terminal.event({ direction: 'incoming', state: 'connected' }, 5_000, from);
    ear.mark();
    await hears('the tone of 1004 Hz', 4_000, () => toneDbfs(lately(), 1004), -30);
    await pbx.hangupAll();
    const ended = await terminal.event({ call, state: 'ended' }, 3_000, from);
    assert.equal(ended.cause, 'hangup', JSON.stringify(ended));
    called?.(await lastCall());
  });
}

test('1009 and 1011: the PBX takes itself out of the way, and the talk goes on directly', {
  timeout: 60_000,
}, async (t) => {
  await stopPeers('baresip');
  const phone = await Baresip.open('baresip', {
    PEERS_TERM_ACCOUNT: `<sip:1011@${net}.10>;auth_pass=pw1011;regint=60;answermode=auto`,
  });
  t.after(() => phone.close());
  await until('1011 to be registered', 10_000, async () => (await pbx.contacts('1011')).length === 1);
  ear.mark();
  const from = await talk('1009', 1011, 8_000);
  const direct = await until('a re-INVITE to the telephone itself', 5_000, async () =>
    (await lastCall()).find(
      ({ direction, text }) =>
        direction === 'in' && /^INVITE /.test(text) && text.includes(`c=IN IP4 ${phone.address}`),
    ),
  );
  assert.match(direct.text, /^To:[^\r]*;tag=/m);
  ear.mark();
  await hears('its tone of 600 Hz', 5_000, () => toneDbfs(lately(), 600), -30);
  await hangup(from);
  await phone.event('CALL_CLOSED', 3_000);
});

test('605 busy, 606 out of service, 607 forbidden: each is left at once, with its reason; 603 is heard', {
  timeout: 60_000,
}, async () => {
  const from = terminal.events.items.length;
  await terminal.press('refused');
  const connected = await terminal.event({ type: 'call', state: 'connected' }, 8_000, from);
  assert.match(String(connected.peer), /603/);
  const told = terminal.events.items.slice(from).filter(({ state }) => state === 'unreached');
  assert.deepEqual(
    told.map(({ peer, cause, reason }) => `${/60\d/.exec(String(peer))?.[0]} ${cause}: ${reason}`),
    ['605 busy: 486 Busy Here', '606 unreachable: 503 Service Unavailable', '607 declined: 403 Forbidden'],
  );
  ear.mark();
  await hears('1004 Hz', 4_000, () => toneDbfs(lately(), 1004), -30);
  await hangup(from);
});

test('600 speaks, and hangs up', { timeout: 60_000 }, async (t) => {
  await heard(t, 'the announcement', async () => {
    const from = await talk('1001', 600);
    ear.mark();
    const ended = await terminal.event({ type: 'call', state: 'ended' }, 15_000, from);
    assert.equal(ended.cause, 'hangup');
    return judge(ear.heard(), readWav(await mediaFile('announce.wav')));
  });
});

test('602 records what the microphone hears', { timeout: 60_000 }, async (t) => {
  const from = await talk('1001', 602);
  await new Promise((resolve) => setTimeout(resolve, 4_500));
  await hangup(from);
  const id = /^Call-ID: (.*?)\r?$/m.exec((await lastCall())[0].text)![1].replaceAll('@', '_');
  await pbx.hangupAll();
  const record = readWav(join(pbx.state, `asterisk/rec/602-${id}.wav`));
  const { match } = judge(record, readWav(await mediaFile('short.wav')));
  t.diagnostic(`match ${match.toFixed(3)}`);
  assert.ok(match > 0.85, `match ${match}`);
});

test('604 rings until we give up', { timeout: 60_000 }, async () => {
  const from = terminal.events.items.length;
  await terminal.command('dial', { target: of('1001', 604) });
  await terminal.event({ type: 'call', state: 'ringing' }, 3_000, from);
  const ended = await hangup(from);
  assert.equal(ended.cause, 'hangup', JSON.stringify(ended));
  await until('487 and its ACK', 3_000, async () => {
    const call = await lastCall();
    const status = call.findIndex(({ direction, text }) => direction === 'in' && /^SIP\/2\.0 487 /.test(text));
    return status >= 0 && call.slice(status).some(({ direction, text }) => direction === 'out' && /^ACK /.test(text));
  });
});

test('609 is a conference', { timeout: 60_000 }, async () => {
  const from = await talk('1001', 609);
  await until('us to be in the room', 3_000, async () => /PJSIP\/1001-/.test(await pbx.cli('confbridge list room')));
  await hangup(from);
});

test('610 hangs up after 3 s', { timeout: 60_000 }, async () => {
  const from = await talk('1001', 610);
  const ended = await terminal.event({ type: 'call', state: 'ended' }, 8_000, from);
  assert.equal(ended.cause, 'hangup');
  assert.match(String(ended.reason), /peer/);
  assert.ok(Number(ended.durationMs) > 3_000 && Number(ended.durationMs) < 6_000, `${ended.durationMs} ms`);
});

test('611 reads the digits that we send', { timeout: 60_000 }, async () => {
  const mark = pbx.mark();
  const from = await talk('1002', 611);
  await terminal.command('digits', { digits: '9*05' });
  await pbx.logged(mark, /PEERS-DTMF 1002 9\*05/, 10_000);
  await hangup(from);
});

test('612 rings for 3 s, then speaks', { timeout: 60_000 }, async () => {
  const from = terminal.events.items.length;
  await terminal.command('dial', { target: of('1001', 612) });
  const ringing = await terminal.event({ type: 'call', state: 'ringing' }, 3_000, from);
  const connected = await terminal.event({ type: 'call', state: 'connected' }, 6_000, from);
  const rangMs = connected.monotonicMs - ringing.monotonicMs;
  assert.ok(rangMs > 2_700 && rangMs < 4_000, `rang for ${rangMs} ms`);
  ear.mark();
  await hears('speech', 4_000, () => levelDbfs(lately()), -30);
  await hangup(from);
});

test('613 sends digits: the one that prolongs is heeded', { timeout: 60_000 }, async () => {
  const from = terminal.events.items.length;
  await terminal.press('digits');
  await terminal.event({ type: 'call', state: 'prolonged' }, 8_000, from);
  await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 8_000, from);
});

test('614 plays hold music', { timeout: 60_000 }, async () => {
  const from = await talk('1001', 614);
  ear.mark();
  await hears('440 Hz', 4_000, () => toneDbfs(lately(), 440), -30);
  await hangup(from);
});

test('615 sends us on to 600', { timeout: 60_000 }, async () => {
  const from = await talk('1001', 615);
  const moved = await terminal.event({ type: 'call', state: 'transferred' }, 8_000, from);
  assert.match(String(moved.to), /600/);
  ear.mark();
  await hears('speech', 4_000, () => levelDbfs(lately()), -30);
  await hangup(from);
});

test('after all that, no call is left and every account is registered', { timeout: 60_000 }, async () => {
  const { calls, registrations, faults } = await terminal.status();
  assert.deepEqual({ calls, faults }, { calls: [], faults: [] });
  assert.ok(Object.values(registrations).every(({ registered }) => registered));
});
