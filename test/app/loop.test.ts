/** The loop and an INVITE that lies ready: it goes before all else a press does, and goes once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Actions } from '../../src/app/actions.ts';
import { Loop } from '../../src/app/loop.ts';
import { now } from '../../src/app/now.ts';
import type { MediaEngine, MediaStream } from '../../src/media/types.ts';
import { formatMessage, type SipMessage } from '../../src/sip/message/index.ts';
import type { Resolver, SipTransport } from '../../src/sip/transport/index.ts';
import { UserAgent } from '../../src/sip/ua/index.ts';
import { foreseen, Terminal, type TerminalConfig } from '../../src/terminal/index.ts';
import { makeCalls } from '../call/made.ts';
import { CountingRandom } from '../kit/random.ts';
import { until } from '../kit/wait.ts';
import { CONFIG, hopTo } from '../sip/ua/peer.ts';

const terminalConfig = {
  incoming: [],
  buttons: { help: { press: { dial: 'sip:desk@127.66.0.61' } } },
  calls: {},
  outputs: {},
} as unknown as TerminalConfig;

test('an INVITE that lies ready goes first and once, as the octets that were made of it', async (t) => {
  const happened: string[] = [];
  const sent: { message: SipMessage; bytes?: Uint8Array }[] = [];
  let reserved = 0;
  const stream = { id: 's', local: { host: '127.66.0.1', port: 40_000 }, begin() {}, audible() {}, close() {} };
  const media = {
    prepare: () => void happened.push('sound'),
    reserve: () => {
      reserved++;
      return stream as unknown as MediaStream;
    },
    open: () => stream as unknown as MediaStream,
  } as unknown as MediaEngine;
  const ua = new UserAgent({ ...CONFIG, accounts: [] }, new CountingRandom());
  const calls = makeCalls(ua, media);
  const loop: Loop = new Loop({
    calls,
    terminal: new Terminal(terminalConfig, new CountingRandom()),
    actions: {
      deadline: undefined,
      timeout: () => {},
      take: (action: { type: string; call: string; uri: string }, at: number) =>
        action.type === 'dial' ? calls.dial(action.call, action.uri, at) : [],
    } as unknown as Actions,
    transport: {
      send: (message: SipMessage, _hop: unknown, _transaction: string, bytes?: Uint8Array) => {
        happened.push(message.kind === 'request' ? message.method : 'answer');
        sent.push({ message, bytes });
      },
    } as unknown as SipTransport,
    resolver: { resolve: ({ host }: { host: string }) => [hopTo(host)] } as unknown as Resolver,
    write: (event) => event,
    changed: () => {},
  });
  t.after(() => loop.stop());
  calls.ready.foresee(foreseen(terminalConfig), now());
  loop.take(() => calls.start(now()));
  await until('a port to be reserved', 2_000, () => reserved > 0);
  const events = loop.tell({ type: 'edge', button: 'help', active: true, source: 'button' });
  assert.equal(events.filter(({ type }) => type === 'press').length, 1);
  assert.deepEqual(happened, ['INVITE', 'sound']);
  assert.deepEqual(Buffer.from(sent[0].bytes!), Buffer.from(formatMessage(sent[0].message)));
  assert.equal(ua.counts.sessions, 1);
});
