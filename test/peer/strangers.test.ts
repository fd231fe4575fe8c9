/** What strangers learn of a terminal, what they cost it, and what somebody trusted feels of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { flood } from '../kit/flood.ts';
import { header, offer, request, type SipSender, tcpSender, transact, udpSender } from '../kit/sip.ts';
import { residentMb, startTerminal } from '../kit/terminal.ts';

const address = '127.38.0.50';
const caller = '127.38.0.2';
const scanner = '127.38.9.9';
const to = { address, port: 5060 };
const uri = `sip:help@${address}`;

interface Strangers {
  refused: number;
  messages: number;
  dropped: number;
  sources: { address: string }[];
}

const strangersOf = async (terminal: { status(): Promise<unknown> }): Promise<Strangers> =>
  ((await terminal.status()) as { strangers: Strangers }).strangers;

/** A page from 100 Trying to BYE; how long the answer took. */
async function page(sender: SipSender): Promise<number> {
  const invite = request(sender, 'INVITE', uri, {
    headers: ['Content-Type: application/sdp'],
    body: offer(caller, 40_000),
  });
  const begin = performance.now();
  const answer = await transact(sender, invite, 2_000);
  assert.equal(answer.status, 200, answer.text);
  const callId = header(answer, 'Call-ID')!;
  const toTag = /;tag=([^;\s]+)/.exec(header(answer, 'To')!)![1];
  const target = /<([^>]+)>/.exec(header(answer, 'Contact')!)![1];
  sender.send(request(sender, 'ACK', target, { callId, toTag }));
  sender.send(request(sender, 'BYE', target, { callId, toTag, sequence: 2 }));
  await sender.inbox.take('200 to BYE', 5_000, (item) => item.method === 'BYE' && header(item, 'Call-ID') === callId);
  return answer.atMs - begin;
}

test('a scanner at 20 000 requests a second delays nobody, is not amplified, and leaves nothing behind', {
  timeout: 60_000,
}, async (t) => {
  const terminal = await startTerminal(t, {
    address,
    config: { incoming: [{ from: '*', source: [caller], answer: 'auto', as: 'page' }] },
  });
  const sender = await udpSender(caller, to);
  t.after(() => sender.close());
  for (let i = 0; i < 3; i++) await page(sender);
  const beforeMb = residentMb(terminal.pid);
  const over = flood({ from: scanner, to, perSecond: 20_000, seconds: 5 });
  await new Promise((done) => setTimeout(done, 1_000));
  const times: number[] = [];
  for (let i = 0; i < 20; i++) times.push(await page(sender));
  const { sent, sentBytes, answers, answerBytes } = await over;
  times.sort((a, b) => a - b);
  t.diagnostic(
    `${Math.round(sent / 5)}/s, ${answers} answers; pages within ${times.map((ms) => ms.toFixed(1)).join(' ')} ms`,
  );
  assert.ok(times[10] < 50, `half of the pages took longer than ${times[10]} ms`);
  // None had to be sent a second time, after 500 ms.
  assert.ok(times[19] < 500, `one page took ${times[19]} ms`);
  assert.ok(answerBytes < sentBytes / 2, `${answerBytes} of ${sentBytes} octets`);
  const { dropped, sources } = await strangersOf(terminal);
  assert.equal(sources[0].address, scanner);
  assert.ok(dropped > 0);
  const growthMb = residentMb(terminal.pid) - beforeMb;
  t.diagnostic(`resident memory ${beforeMb.toFixed(1)} MB, ${growthMb.toFixed(1)} MB more after it`);
  assert.ok(growthMb < 25);
});

for (const [transport, open] of [
  ['UDP', udpSender],
  ['TCP', tcpSender],
] as const)
  test(`${transport}: strangers learn that something is there, and not what`, { timeout: 60_000 }, async (t) => {
    const terminal = await startTerminal(t, {
      address,
      config: { incoming: [{ from: '*', source: [caller], answer: 'ring' }] },
    });
    const stranger = await open(scanner, to);
    t.after(() => stranger.close());
    const answers: string[] = [];
    for (const method of ['OPTIONS', 'REGISTER', 'INVITE', 'SUBSCRIBE', 'FROBNICATE', 'BYE']) {
      const { status, text } = await transact(stranger, request(stranger, method, uri, { headers: ['Require: x'] }));
      answers.push(`${method} ${status}`);
      assert.doesNotMatch(
        text,
        /hailpoint|^(?:Server|User-Agent|Allow|Supported|Unsupported|Accept|Warning|Contact):/im,
      );
    }
    assert.deepEqual(answers, [
      'OPTIONS 200',
      'REGISTER 403',
      'INVITE 603',
      'SUBSCRIBE 403',
      'FROBNICATE 403',
      'BYE 403',
    ]);
    const { reason } = await terminal.event({ type: 'call', state: 'refused' }, 2_000);
    assert.match(String(reason), /^rule 1 \(from \*\) would match, but 127\.38\.9\.9 is no server of an account/);
    assert.ok((await strangersOf(terminal)).refused >= 6);
  });

test('a telephone that knows the password is answered, by digest; the event says so', {
  timeout: 60_000,
}, async (t) => {
  const { formatAuthorization, readChallenge } = await import('../../src/sip/ua/index.ts');
  const { parseAuth } = await import('../../src/sip/message/index.ts');
  const terminal = await startTerminal(t, {
    address,
    env: { DESK: 'open sesame' },
    config: {
      sip: { users: { desk: { password: { env: 'DESK' } } } },
      incoming: [{ from: 'sip:desk@*', authenticated: 'desk', answer: 'auto', as: 'page' }],
    },
  });
  const sender = await udpSender(caller, to);
  t.after(() => sender.close());
  const invite = (sequence: number, headers: string[] = []): string =>
    request(sender, 'INVITE', uri, {
      from: `<sip:desk@${caller}>`,
      callId: 'with-proof',
      sequence,
      headers: [...headers, 'Content-Type: application/sdp'],
      body: offer(caller, 40_000),
    });
  sender.send(invite(1));
  const asked = await sender.inbox.take('401', 3_000, ({ status }) => status === 401);
  const { scheme, params } = parseAuth(header(asked, 'WWW-Authenticate')!);
  assert.equal(params.get('algorithm'), 'SHA-256');
  const proof = { username: 'desk', password: 'open sesame', method: 'INVITE', uri, body: new Uint8Array() };
  const value = formatAuthorization(readChallenge(scheme, params)!, { ...proof, count: 1, cnonce: 'c0ffee' });
  sender.send(invite(2, [`Authorization: ${value}`]));
  await sender.inbox.take('200', 3_000, ({ status }) => status === 200);
  const { reason } = await terminal.event({ type: 'page', state: 'answered' }, 2_000);
  assert.match(String(reason), /proven by digest to be desk/);
  assert.doesNotMatch(terminal.log, /open sesame|c0ffee/);
});
