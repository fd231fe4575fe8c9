/** Calls that lie ready for a press: when they are made, when they are dropped, and that they are the call a press would have made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallOutput, Calls } from '../../src/call/index.ts';
import { READY_MAX } from '../../src/call/ready.ts';
import type { MediaEngine, MediaStream } from '../../src/media/types.ts';
import {
  createRequest,
  formatMessage,
  type Hop,
  parseMessage,
  type SipMessage,
  type SipRequest,
} from '../../src/sip/message/index.ts';
import { type UaConfig, UserAgent } from '../../src/sip/ua/index.ts';
import { CountingRandom } from '../kit/random.ts';
import { ACCOUNT, CONFIG, hopTo, SERVER } from '../sip/ua/peer.ts';
import { makeCalls } from './made.ts';

const DESK = 'sip:desk@127.66.0.61';
const ALONE: UaConfig = { ...CONFIG, accounts: [] };

class Bench {
  now = 0;
  readonly calls: Calls;
  readonly ua: UserAgent;
  readonly sent: { message: SipMessage; hop: Hop; transaction?: string }[] = [];
  /** Ports that are bound, and of them those somebody listens at. */
  readonly ports = new Set<number>();
  readonly begun: string[] = [];
  readonly told: string[] = [];

  constructor(config: UaConfig = ALONE, uris: readonly string[] = [DESK]) {
    this.ua = new UserAgent(config, new CountingRandom());
    let port = 40_000;
    const reserve = (host: string): MediaStream => {
      port += 2;
      const mine = port;
      this.ports.add(mine);
      const stream = {
        id: `stream-${mine}`,
        local: { host, port: mine },
        begin: (id?: string) => void this.begun.push(id ?? ''),
      };
      return {
        ...stream,
        close: () => void this.ports.delete(mine),
        audible: () => {},
        configure: () => {},
      } as unknown as MediaStream;
    };
    const open = (host: string, call?: string): MediaStream => {
      const stream = reserve(host);
      stream.begin(call);
      return stream;
    };
    const media = { reserve, open, prepare: () => {} } as unknown as MediaEngine;
    this.calls = makeCalls(this.ua, media);
    this.calls.ready.foresee(uris, 0);
  }

  do(outputs: readonly CallOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'terminal' && 'call' in output.input)
        this.told.push(`${output.input.type} ${output.input.call}`);
      if (output.kind === 'send') this.sent.push(output);
      else if (output.kind === 'resolve')
        this.do(this.calls.resolved(output.query, [hopTo(output.uri.host)], this.now));
    }
  }

  pass(ms: number): this {
    const until = this.now + ms;
    for (let at = this.calls.deadline; at !== undefined && at <= until; at = this.calls.deadline) {
      this.now = Math.max(this.now, at);
      this.do(this.calls.timeout(this.now));
    }
    this.now = until;
    return this;
  }

  receive(text: string, host = SERVER.host): void {
    this.do(this.calls.receive(parseMessage(new TextEncoder().encode(text)), hopTo(host), this.now));
  }

  /** As the loop does: what lies ready first, then the call; what went ahead is not sent again. */
  press(uri = DESK, id = 'call.1'): { ahead: SipRequest | undefined; after: SipRequest[] } {
    const ahead = this.calls.ready.claim(uri);
    const before = this.sent.length;
    this.do(this.calls.dial(id, uri, this.now));
    const after = this.sent.slice(before).map(({ message }) => message as SipRequest);
    return { ahead: ahead?.message, after };
  }

  answer(request: SipMessage, status: number, ...fields: string[]): void {
    const own = (name: string): string[] => request.headers(name).map((value) => `${name}: ${value}`);
    const to = `To: ${request.header('To')}${status > 100 ? ';tag=them' : ''}`;
    const lines = [`SIP/2.0 ${status} X`, ...own('Via'), ...own('From'), to, ...own('Call-ID'), ...own('CSeq')];
    this.receive([...lines, ...fields, 'Content-Length: 0', '', ''].join('\r\n'));
  }
}

const probe = (): string =>
  Buffer.from(
    formatMessage(
      createRequest({
        method: 'OPTIONS',
        uri: 'sip:help-07@127.66.0.1',
        headers: [
          ['Via', 'SIP/2.0/UDP 127.66.0.10;branch=z9hG4bK-probe'],
          ['From', '<sip:pbx@127.66.0.10>;tag=1'],
          ['To', '<sip:help-07@127.66.0.1>'],
          ['Call-ID', 'probe'],
          ['CSeq', '1 OPTIONS'],
          ['Max-Forwards', '70'],
        ],
      }),
    ),
  ).toString();

test('once it is quiet a port is bound and the INVITE made, and nothing is sent', () => {
  const bench = new Bench();
  assert.equal(bench.ports.size, 0);
  bench.pass(100);
  assert.deepEqual([bench.ports.size, bench.begun, bench.sent, bench.ua.counts.sessions], [1, [], [], 0]);
  assert.equal(bench.ua.counts.transactions, 0);
});

test('a press sends it as it is, and is the call that any other press makes', () => {
  const bench = new Bench().pass(10_000);
  const { ahead, after } = bench.press();
  assert.equal(after.length, 1);
  assert.equal(after[0], ahead, 'the very message, so that the loop knows what has gone');
  assert.deepEqual(bench.begun, ['call.1']);
  assert.equal(bench.ua.counts.sessions, 1);
  const slow = new Bench(ALONE, []).pass(10_000).press();
  assert.equal(slow.ahead, undefined);
  const shape = (message: SipMessage): string =>
    Buffer.from(formatMessage(message))
      .toString()
      .replace(/(branch=z9hG4bK|tag=|Call-ID: |o=- )\S+/g, '$1');
  assert.equal(shape(ahead!), shape(slow.after[0]));
});

test('its time begins with the press: it is repeated 500 ms after that, and given up 4.5 s after that', () => {
  const bench = new Bench().pass(20_000);
  const { ahead } = bench.press();
  bench.pass(499);
  assert.equal(bench.sent.length, 1);
  bench.pass(1);
  assert.deepEqual(
    bench.sent.map(({ message }) => message),
    [ahead, ahead],
  );
  bench.pass(3_900);
  assert.equal(bench.ua.counts.sessions, 1);
  bench.pass(200);
  assert.equal(bench.ua.counts.sessions, 0);
});

test('a challenge is answered as ever: the next number of the same call', () => {
  const config: UaConfig = { ...CONFIG, accounts: [{ ...ACCOUNT, expiresMs: 300_000 }] };
  const uri = `sip:600@${SERVER.host}`;
  const bench = new Bench(config, [uri]);
  bench.do(bench.calls.start(0));
  bench.answer(
    bench.sent[0].message,
    200,
    `Contact: ${bench.sent[0].message.header('Contact')};expires=300`,
    'Service-Route: <sip:edge.example;lr>',
  );
  bench.pass(100);
  bench.sent.length = 0;
  const { ahead } = bench.press(uri);
  assert.equal(ahead?.header('Route'), '<sip:edge.example;lr>');
  bench.answer(ahead!, 401, 'WWW-Authenticate: Digest realm="pbx", nonce="n", algorithm=MD5, qop="auth"');
  const again = bench.sent.map(({ message }) => message as SipRequest).filter(({ method }) => method === 'INVITE');
  assert.deepEqual(
    again.map(({ cseq }) => cseq.sequence),
    [1, 2],
  );
  assert.equal(again[1].callId, ahead?.callId);
  assert.match(again[1].header('Authorization') ?? '', /realm="pbx"/);
});

for (const [sentence, happens] of [
  ['a message of anybody', (bench: Bench) => bench.receive(probe())],
  [
    'a network that has changed',
    (bench: Bench) => bench.do(bench.calls.transportChanged({ kind: 'network' }, bench.now)),
  ],
  [
    'a connection that has ended',
    (bench: Bench) => bench.do(bench.calls.transportChanged({ kind: 'flow', flow: 'f' }, bench.now)),
  ],
  ['another call', (bench: Bench) => void bench.press('sip:other@127.66.0.62', 'other.1')],
] as const) {
  test(`${sentence} drops it, port and all`, () => {
    const bench = new Bench().pass(1_000);
    const [port] = bench.ports;
    happens(bench);
    assert.equal(bench.ports.has(port), false);
    assert.equal(bench.calls.ready.claim(DESK), undefined);
  });
}

test('after a message it is made anew when nothing more comes', () => {
  const bench = new Bench().pass(1_000);
  bench.receive(probe());
  bench.pass(20);
  assert.equal(bench.ports.size, 0);
  bench.pass(100);
  assert.notEqual(bench.press().ahead, undefined);
});

test('who sends a message every moment does not have it made anew each time', () => {
  const bench = new Bench().pass(100);
  const made = new Set(bench.ports);
  for (let i = 0; i < 50; i++) {
    bench.receive(probe());
    for (const port of bench.pass(100).ports) made.add(port);
  }
  assert.ok(made.size >= 5 && made.size <= 7, `${made.size} times`);
});

test('while somebody is called no other one is made, and afterwards it is', () => {
  const bench = new Bench(ALONE, [DESK, 'sip:second@127.66.0.62']).pass(100);
  const { ahead } = bench.press();
  bench.answer(ahead!, 180);
  bench.pass(1_000);
  assert.equal(bench.ports.size, 1);
  bench.answer(ahead!, 486);
  bench.pass(100);
  assert.equal(bench.ports.size, 2);
});

test('of a target that is wanted twice at once the second call is made the ordinary way', () => {
  const bench = new Bench().pass(100);
  const first = bench.press(DESK, 'a.1');
  const second = bench.press(DESK, 'b.1');
  assert.notEqual(first.ahead, undefined);
  assert.equal(second.ahead, undefined);
  assert.notEqual(second.after[0].callId, first.after[0].callId);
});

test('what cannot be made before is made when it is wanted: a name nobody has looked up, a URI that is none', () => {
  for (const uri of ['sip:desk@pbx.example', 'desk']) {
    const bench = new Bench(ALONE, [uri]).pass(100);
    assert.equal(bench.calls.ready.claim(uri), undefined);
    assert.equal(bench.sent.length, 0);
  }
});

test('one too large for a datagram is not laid ready, and nobody takes TCP for mute that was never asked', () => {
  const bench = new Bench({ ...ALONE, displayName: 'x'.repeat(1_300) }).pass(100_000);
  const { ahead } = bench.press();
  assert.equal(ahead, undefined);
  assert.equal(bench.sent[0].hop.transport, 'tcp');
});

test('it grows no older than half a minute, and there are few', () => {
  const bench = new Bench(
    ALONE,
    Array.from({ length: 9 }, (_, i) => `sip:${i}@127.66.0.61`),
  ).pass(100);
  assert.equal(bench.ports.size, READY_MAX);
  const before = [...bench.ports];
  bench.pass(30_000);
  assert.equal(bench.ports.size, READY_MAX);
  assert.equal(
    before.some((port) => bench.ports.has(port)),
    false,
  );
});

test('who stops keeps none', () => {
  const bench = new Bench().pass(100);
  bench.do(bench.calls.stop(bench.now));
  bench.receive(probe());
  bench.pass(1_000);
  assert.deepEqual([bench.ports.size, bench.calls.ready.claim(DESK)], [0, undefined]);
});

test('what becomes of it is told by the name the press gave it', () => {
  const bench = new Bench().pass(100);
  const { ahead } = bench.press(DESK, 'call.1');
  bench.answer(ahead!, 180);
  bench.answer(ahead!, 302, 'Contact: <sip:second@127.66.0.62>');
  bench.answer(bench.sent.at(-1)!.message, 486);
  assert.deepEqual(bench.told, ['ringing call.1', 'redirected call.1', 'ended call.1']);
});

test('a NOTIFY in its dialog steers it by that name, too', () => {
  const bench = new Bench().pass(100);
  const { ahead } = bench.press(DESK, 'call.1');
  const sdp = 'v=0\r\no=- 1 1 IN IP4 127.66.0.61\r\ns=-\r\nc=IN IP4 127.66.0.61\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n';
  bench.answer(
    ahead!,
    200,
    'Contact: <sip:desk@127.66.0.61>',
    'Content-Type: application/sdp',
    `Content-Length: ${sdp.length}`,
    '',
    sdp,
  );
  const lines = [
    'NOTIFY sip:help-07@127.66.0.1 SIP/2.0',
    'Via: SIP/2.0/UDP 127.66.0.61;branch=z9hG4bK-notify',
    `From: ${ahead?.header('To')};tag=them`,
    `To: ${ahead?.header('From')}`,
    `Call-ID: ${ahead?.callId}`,
    'CSeq: 1 NOTIFY',
    'Event: hold',
    'Subscription-State: active',
    'Max-Forwards: 70',
    'Content-Length: 0',
  ];
  bench.receive([...lines, '', ''].join('\r\n'), '127.66.0.61');
  assert.deepEqual(bench.told, ['answered call.1', 'steer call.1']);
});
