/**
 * The same histories against a whole terminal: whoever says whatever, no port stays open, a page hears nobody, a stranger is
 * not answered, and who presses is called for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body } from '../../src/sip/ua/index.ts';
import type { TerminalConfig } from '../../src/terminal/index.ts';
import { config, plan, rule } from '../terminal/story.ts';
import { Box } from './box.ts';
import { configOf, damaged, History, STRANGER } from './history.ts';
import { dice } from './network.ts';

const HISTORIES = Number(process.env.HAILPOINT_HISTORIES ?? 100);
const STEPS = 120;
/** Everything anybody began is over by then, ms: a page lasts half an hour. */
const QUIET_MS = 400_000;
const DIRECT = '127.66.0.99';

const sdp = (...lines: string[]): Body => ({
  contentType: 'application/sdp',
  bytes: Buffer.from(['v=0', 'o=- 1 1 IN IP4 127.66.0.10', 's=-', 't=0 0', ...lines, ''].join('\r\n')),
});
const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk';
const BODIES = [
  undefined,
  sdp('c=IN IP4 0.0.0.0', 'm=audio 9 RTP/AVP 8'),
  sdp('c=IN IP4 127.66.0.10', 'm=audio 4002 RTP/AVP 8', 'a=sendonly'),
  sdp('c=IN IP4 127.66.0.10', 'm=audio 4002 RTP/SAVP 8', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`),
  sdp('c=IN IP4 127.66.0.10', 'm=video 4002 RTP/AVP 96', 'm=audio 4004 RTP/AVP 18'),
  sdp('c=IN IP4 127.66.0.10', ...Array.from({ length: 64 }, () => 'm=audio 4002 RTP/AVP 8')),
  { contentType: 'application/sdp', bytes: Buffer.from('v=0\r\nm=audio x') },
  ...Array.from({ length: 8 }, () =>
    sdp('c=IN IP4 127.66.0.10', 'm=audio 4000 RTP/AVP 8 101', 'a=rtpmap:101 telephone-event/8000'),
  ),
];

const HELP = plan({
  steps: [{ ring: ['sip:100@127.66.0.10', `sip:desk@${DIRECT}`, 'sip:desk@mute.example'], forMs: 20_000 }],
  cycles: 2,
});
const source = ['127.66.0.10', '127.66.0.20'];

function terminalOf(as: 'page' | 'intercom'): TerminalConfig {
  return config({
    calls: { control: HELP },
    buttons: { help: { press: { call: 'control' } }, off: { press: { hangup: true } } },
    incoming: [
      rule({ from: 'sip:asked@*', authenticated: ['asked'], as: 'page', priority: 7 }),
      rule({ from: 'sip:*@*', source, as, answer: 'auto', priority: 5 }),
    ],
  });
}

/** What people at the terminal do, and what the media notice. */
function wish(history: History<Box>): string {
  const { peer } = history;
  const stream = history.pick([...peer.streams]) ?? 'none';
  const what = history.pick([
    'press',
    'press',
    'off',
    'dial',
    'transfer',
    'digits',
    'silent',
    'first-packet',
    'digit',
  ] as const);
  switch (what) {
    case 'press': {
      const before = peer.sent.length;
      const told = peer.told.length;
      peer.tell({ type: 'command', command: { verb: 'press', button: 'help' }, source: 'socket' });
      const pressed = peer.told.slice(told).find((event) => event.type === 'press');
      if (pressed?.type !== 'press') return 'press, still down';
      // A page or call of lower priority stops nothing.
      assert.ok(['calling', 'ignored', 'answered'].includes(pressed.result), `${pressed.result}: ${pressed.reason}`);
      if (pressed.result !== 'calling') return `press, ${pressed.result}`;
      const sent = peer.sent
        .slice(before)
        .filter(({ hop, message }) => message.kind === 'request' && hop.remote.host === DIRECT);
      if (peer.streams.size < 9) assert.equal(sent.length, 1, `a press, and ${sent.length} INVITEs to the telephone`);
      return 'press';
    }
    case 'off':
      peer.tell({ type: 'command', command: { verb: 'hangup' }, source: 'socket' });
      break;
    case 'dial':
      peer.tell({ type: 'command', command: { verb: 'dial', target: 'sip:200@127.66.0.10' }, source: 'socket' });
      break;
    case 'transfer':
      peer.tell({ type: 'command', command: { verb: 'transfer', target: 'sip:300@127.66.0.10' }, source: 'socket' });
      break;
    case 'digits':
      peer.tell({ type: 'command', command: { verb: 'digits', digits: '12#' }, source: 'socket' });
      break;
    case 'silent':
      peer.noticed({ type: 'silent', stream, silentMs: history.pick([1_000, 10_000, 30_000]) });
      break;
    case 'first-packet':
      peer.noticed({ type: 'first-packet', stream });
      break;
    case 'digit':
      peer.noticed({ type: 'digit', stream, digit: history.pick(['1', '#']) });
      break;
  }
  return what;
}

const onlyPages = (history: History<Box>): string => {
  const stream = history.pick([...history.peer.streams]) ?? 'none';
  history.peer.noticed({ type: 'first-packet', stream });
  return 'first-packet';
};

test(`${HISTORIES} histories of anything around a whole terminal`, () => {
  const met: Record<string, number> = {};
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const pages = seed % 3 === 0;
    const box = new Box(configOf(seed % 2 === 0), terminalOf(pages ? 'page' : 'intercom'));
    const history = new History(dice(seed), box, pages ? onlyPages : wish, BODIES);
    if (seed % 5 === 0) damaged(box, dice(~seed));
    let where = `seed ${seed}: start`;
    try {
      history.settle(where);
      for (let i = 0; i < STEPS; i++) {
        where = `seed ${seed}, step ${i}: ${history.step()}`;
        history.settle(where);
        if (pages) assert.equal(box.microphones.size, 0, `${where}: a page has the microphone`);
      }
    } catch (error) {
      throw new Error(`after ${where}: ${(error as Error).stack}`);
    }
    for (const { from, direction } of box.answered) {
      assert.notEqual(from, STRANGER, `seed ${seed}: a stranger was answered`);
      if (pages) assert.equal(direction, 'recvonly');
    }
    for (const event of box.told) {
      const name = 'state' in event ? `${event.type} ${event.state}` : event.type;
      met[name] = (met[name] ?? 0) + 1;
    }
    where = `seed ${seed}: end`;
    box.tell({ type: 'command', command: { verb: 'hangup' }, source: 'socket' });
    history.pass(QUIET_MS, where);
    assert.deepEqual(box.terminal.status(box.now).calls, [], where);
    assert.deepEqual([...box.streams], [], `${where}: ports stay open`);
    where = `seed ${seed}: stop`;
    box.do(box.ua.stop(box.now));
    history.pass(3_000, where);
    assert.equal(box.ua.idle, true, where);
    history.pass(200_000, where);
    assert.deepEqual(box.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 }, where);
  }
  // The dice must have thrown what is to be tested.
  const expected = [
    'call connected',
    'call ended',
    'call held',
    'call transfer-failed',
    'page connected',
    'page transferring',
  ];
  for (const name of [...expected, 'call redirected', 'call early', 'message'])
    assert.ok((met[name] ?? 0) > HISTORIES / 100, `${name}: ${met[name]}`);
});
