/** Three terminals on a network: one moves the call of two others, and their sound moves along. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, silentLogger } from '../../src/base/index.ts';
import { type CallOutput, Calls } from '../../src/call/index.ts';
import type { MediaEngine, MediaStream } from '../../src/media/types.ts';
import type { Hop, SipMessage, SipUri } from '../../src/sip/message/index.ts';
import { UserAgent } from '../../src/sip/ua/index.ts';
import type { TerminalInput } from '../../src/terminal/index.ts';
import { dice, Network, type Node, type Weather } from './network.ts';

const fair: Weather = { loss: 0, duplication: 0, delayMs: [5, 5] };
const bad: Weather = { loss: 0.2, duplication: 0.1, delayMs: [5, 400] };
const idle = { sessions: 0, dialogs: 0, machines: 0, transactions: 0 };

type Input<T extends TerminalInput['type']> = Extract<TerminalInput, { type: T }>;

class Party implements Node {
  readonly host: string;
  readonly ua: UserAgent;
  readonly calls: Calls;
  /** What its terminal was told. */
  readonly told: string[] = [];
  /** Whom its open streams play and record: `10.0.0.3 speaker microphone`. */
  readonly streams = new Map<string, string>();
  answers: 'sendrecv' | 'recvonly' | 'rings' | 'busy' = 'sendrecv';
  follows = true;
  readonly sent: SipMessage[] = [];
  /** The call that came in last. */
  incoming = '';
  readonly #network: Network;

  constructor(host: string, network: Network, seed: number) {
    this.host = host;
    this.#network = network;
    let tokens = 0;
    const random: Random = { token: () => `${host}-${++tokens}`, uint32: () => ++tokens * seed };
    this.ua = new UserAgent({ accounts: [], product: 'lab', user: host, displayName: '' }, random);
    let count = 0;
    const engine = {
      prepare: () => {},
      open: (local: string): MediaStream => {
        const id = `${++count}`;
        let remote = '';
        return {
          id,
          local: { host: local, port: 40_000 + 2 * count },
          begin: () => {},
          configure: (settings) => void (remote = `${settings.remote.host} ${settings.direction}`),
          audible: (speaker, microphone) => {
            const open = [speaker ? ' speaker' : '', microphone ? ' microphone' : ''].join('');
            this.streams.set(id, `${remote}${open}`);
          },
          say: () => {},
          sendDigits: () => {},
          record: () => {},
          close: () => void this.streams.delete(id),
        };
      },
    } as Partial<MediaEngine> as MediaEngine;
    const config = { codecs: ['pcma'], packetMs: 20, encryption: {}, secretBytes: (n: number) => new Uint8Array(n) };
    this.calls = new Calls(this.ua, engine, config as never, random, silentLogger);
    network.join(this);
  }

  get deadline(): number | undefined {
    return this.calls.deadline;
  }

  receive(message: SipMessage, hop: Hop, now: number): void {
    this.do(this.calls.receive(message, hop, now));
  }

  timeout(now: number): void {
    this.do(this.calls.timeout(now));
  }

  do(outputs: CallOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'send') {
        this.sent.push(output.message);
        this.#network.send(this.host, output.hop.remote, output.message);
      }
      if (output.kind === 'resolve')
        this.do(this.calls.resolved(output.query, [this.#hop(output.uri)], this.#network.now));
      if (output.kind === 'terminal') this.#hear(output.input);
    }
  }

  #hop(uri: SipUri): Hop {
    const remote = { host: uri.host, port: uri.port ?? 5060 };
    return { transport: 'udp', remote, local: { host: this.host, port: 5060 } };
  }

  #hear(input: TerminalInput): void {
    const { now } = this.#network;
    switch (input.type) {
      case 'incoming':
        this.incoming = input.call;
        if (this.answers === 'busy') return this.do(this.calls.reject(input.call, 'busy', now));
        if (this.answers === 'rings') return this.do(this.calls.alert(input.call, now));
        return this.do(this.calls.answer(input.call, this.answers, now));
      case 'answered':
        this.told.push('answered');
        return this.calls.listen(input.call, this.answers !== 'recvonly');
      case 'transfer':
        this.told.push('transfer');
        return this.do(
          this.follows
            ? this.calls.transfers.follow(input.call, input.transfer, input.to, now)
            : this.calls.transfers.stay(input.transfer, now),
        );
      case 'handed-over':
        this.told.push(`handed-over ${input.ok ? 'well' : `in vain: ${input.reason}`}`);
        if (input.ok) this.do(this.calls.hangup(input.call, 'hangup', now));
        return;
      case 'ended':
        return void this.told.push(`ended by ${input.by}`);
      case 'transferred':
      case 'not-transferred':
        return void this.told.push(`${input.type} ${(input as Input<'transferred'>).to}`);
      default:
        return void this.told.push(input.type);
    }
  }
}

function lab(seed = 1, weather = fair) {
  const network = new Network(weather, dice(seed));
  const [a, b, c] = [2, 3, 4].map((n) => new Party(`10.0.0.${n}`, network, seed));
  return { network, a, b, c };
}

/** A has called B, and they talk. */
function talking(seed?: number, weather?: Weather) {
  const all = lab(seed, weather);
  all.a.do(all.a.calls.dial('ab', 'sip:b@10.0.0.3', 0));
  all.network.run(500);
  return all;
}

const sound = (party: Party): string[] => [...party.streams.values()];

test('blind: B sends A to C; A talks with C, B is gone', () => {
  const { network, a, b, c } = talking();
  assert.deepEqual(sound(a), ['10.0.0.3 sendrecv speaker microphone']);
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
  network.run(5_000);
  assert.deepEqual(sound(a), ['10.0.0.4 sendrecv speaker microphone']);
  assert.deepEqual(sound(b), []);
  assert.deepEqual(sound(c), ['10.0.0.2 sendrecv speaker microphone']);
  assert.deepEqual(a.told, ['answered', 'transfer', 'transferred sip:c@10.0.0.4']);
  assert.deepEqual(b.told, ['answered', 'handed-over well', 'ended by us']);
  a.do(a.calls.hangup('ab', 'hangup', network.now));
  network.run(100_000);
  for (const { ua } of [a, b, c]) assert.deepEqual(ua.counts, idle);
  assert.equal(c.told.at(-1), 'ended by peer');
});

for (const [name, prepare, expected] of [
  ['C is busy', ({ c }) => (c.answers = 'busy'), ['transfer', 'not-transferred sip:c@10.0.0.4']],
  ['A does not want to', ({ a }) => (a.follows = false), ['transfer']],
] as [string, (all: ReturnType<typeof lab>) => unknown, string[]][]) {
  test(`blind, but ${name}: A and B go on`, () => {
    const all = talking();
    const { network, a, b } = all;
    prepare(all);
    b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
    network.run(5_000);
    assert.deepEqual(a.told.slice(1), expected);
    assert.match(b.told.at(-1)!, /^handed-over in vain: (486|603)/);
    assert.deepEqual(sound(a), ['10.0.0.3 sendrecv speaker microphone']);
    assert.deepEqual(sound(b), ['10.0.0.2 sendrecv speaker microphone']);
  });
}

test('while C rings the old call sounds; B hangs up, C answers: nobody notices a gap in the call', () => {
  const { network, a, b, c } = talking();
  c.answers = 'rings';
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
  network.run(2_000);
  assert.equal(sound(a).filter((text) => text.startsWith('10.0.0.3')).length, 1);
  b.do(b.calls.hangup(b.incoming, 'hangup', network.now));
  network.run(3_000);
  assert.deepEqual(a.told.slice(1), ['transfer', 'left'], 'the terminal hears of no end');
  c.do(c.calls.answer(c.incoming, 'sendrecv', network.now));
  network.run(4_000);
  assert.deepEqual(a.told.slice(3), ['transferred sip:c@10.0.0.4']);
  assert.deepEqual(sound(a), ['10.0.0.4 sendrecv speaker microphone']);
});

test('B has hung up and C does not take it: the call is lost, as by the network', () => {
  const { network, a, b, c } = talking();
  c.answers = 'rings';
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
  network.run(1_000);
  b.do(b.calls.hangup(b.incoming, 'hangup', network.now));
  network.run(1_500);
  c.do(c.calls.reject(c.incoming, 'declined', network.now));
  network.run(2_000);
  assert.equal(a.told.at(-1), 'ended by network');
  network.run(100_000);
  for (const { ua } of [a, b, c]) assert.deepEqual(ua.counts, idle);
});

test('A hangs up while C rings: C is not left ringing, nor B talking', () => {
  const { network, a, b, c } = talking();
  c.answers = 'rings';
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
  network.run(1_000);
  a.do(a.calls.hangup('ab', 'hangup', network.now));
  network.run(2_000);
  assert.equal(c.told.at(-1), 'ended by peer');
  assert.equal(b.told.at(-1), 'ended by peer');
  network.run(100_000);
  for (const { ua } of [a, b, c]) assert.deepEqual(ua.counts, idle);
});

test('a page that is sent on stays a page: no microphone, and nothing is sent', () => {
  const { network, a, b } = lab();
  a.answers = 'recvonly';
  b.do(b.calls.dial('ba', 'sip:a@10.0.0.2', 0));
  network.run(500);
  b.do(b.calls.transfers.refer('ba', 'sip:c@10.0.0.4', network.now));
  network.run(5_000);
  assert.deepEqual(sound(a), ['10.0.0.4 recvonly speaker']);
});

test('a hold that is taken back before it is answered: both go on talking', () => {
  const { network, a, b } = talking();
  a.do(a.calls.hold('ab', true, network.now));
  network.run(503);
  a.do(a.calls.hold('ab', false, network.now));
  network.run(1_000);
  assert.deepEqual(a.told, ['answered']);
  assert.deepEqual(sound(a), ['10.0.0.3 sendrecv speaker microphone']);
  assert.deepEqual(sound(b), ['10.0.0.2 sendrecv speaker microphone']);
});

test('a call that is held stays so', () => {
  const { network, a, b, c } = talking();
  a.do(a.calls.hold('ab', true, network.now));
  network.run(600);
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
  network.run(5_000);
  assert.equal(sound(a).length, 1);
  assert.doesNotMatch(sound(a)[0], /speaker|microphone/);
  assert.deepEqual(sound(c), ['10.0.0.2 recvonly speaker microphone'], 'C is told so');
  a.do(a.calls.hold('ab', false, network.now));
  network.run(6_000);
  assert.deepEqual(sound(a), ['10.0.0.4 sendrecv speaker microphone']);
});

test('attended: B talks with both and joins them; C keeps its call, B is gone', () => {
  const { network, a, b, c } = talking();
  b.do(b.calls.dial('bc', 'sip:c@10.0.0.4', network.now));
  network.run(1_000);
  b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now, 'bc'));
  network.run(6_000);
  assert.deepEqual(sound(a), ['10.0.0.4 sendrecv speaker microphone']);
  // C does not believe a Replaces from where nobody of the call is, and takes it as a call like any other.
  assert.ok(sound(c).includes('10.0.0.2 sendrecv speaker microphone'));
  assert.ok(!c.told.includes('transferred sip:10.0.0.2@10.0.0.2:5060'));
});

test('Replaces from where the other side is: the new call takes over, the old one is ended', () => {
  const { network, b, c } = lab();
  b.do(b.calls.dial('old', 'sip:c@10.0.0.4', 0));
  network.run(500);
  const ack = b.sent.find((message) => message.kind === 'request' && message.method === 'ACK')!;
  const replaces = `${ack.callId};to-tag=${ack.toTag};from-tag=${ack.fromTag}`;
  const body = { contentType: 'application/sdp', bytes: b.sent[0].body };
  const headers = [['Replaces', replaces]] as const;
  const outputs = b.ua.invite({ session: 'n', target: 'sip:c@10.0.0.4', body: () => body, headers }, network.now);
  b.do(outputs as CallOutput[]);
  network.run(2_000);
  assert.deepEqual(c.told, ['answered', 'transferred sip:10.0.0.3@10.0.0.3']);
  assert.deepEqual(sound(c), ['10.0.0.3 sendrecv speaker microphone']);
  assert.equal(b.told.at(-1), 'ended by peer');
  assert.equal(c.ua.counts.sessions, 1);
  c.do(c.calls.hangup(c.incoming, 'hangup', network.now));
  network.run(100_000);
  assert.deepEqual(c.ua.counts, idle);
});

test('whatever the network does, in the end nothing is left', () => {
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= 60; seed++) {
    const { network, a, b, c } = talking(seed, bad);
    network.run(30_000);
    if (seed % 3 === 0) c.answers = 'busy';
    b.do(b.calls.transfers.refer(b.incoming, 'sip:c@10.0.0.4', network.now));
    if (seed % 5 === 0) network.at(31_000, () => b.do(b.calls.hangup(b.incoming, 'hangup', network.now)));
    if (seed % 7 === 0) network.at(30_500, () => a.do(a.calls.hangup('ab', 'hangup', network.now)));
    network.run(150_000);
    const last = a.told.at(-1)!;
    ends.set(last, (ends.get(last) ?? 0) + 1);
    const open = sound(a).length;
    assert.equal(open, /^ended/.test(last) ? 0 : 1, `seed ${seed}: ${a.told.join(', ')}`);
    for (const party of [a, b, c]) party.do(party.calls.stop(network.now));
    network.run(400_000);
    for (const { ua, host } of [a, b, c]) assert.deepEqual(ua.counts, idle, `seed ${seed}, ${host}`);
  }
  assert.ok((ends.get('transferred sip:c@10.0.0.4') ?? 0) > 20, JSON.stringify([...ends]));
});
