/** What anybody may ask a terminal, and what nobody may do to it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';
import { checkout, testData } from '../kit/checkout.ts';
import { header, offer, request, tcpSender, transact, udpSender } from '../kit/sip.ts';
import { startTerminal } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import type { Outcome } from './torture-in-namespace.ts';

const address = '127.0.0.50';
const to = { address, port: 5060 };

for (const [transport, open] of [
  ['UDP', udpSender],
  ['TCP', tcpSender],
] as const) {
  test(`${transport}: OPTIONS, methods it does not have, and a call that is cancelled`, {
    timeout: 60_000,
  }, async (t) => {
    const terminal = await startTerminal(t, {
      address,
      config: { incoming: [{ from: '*', source: ['127.0.0.66'], answer: 'ring' }] },
    });
    const sender = await open('127.0.0.66', to);
    t.after(() => sender.close());
    const uri = `sip:help-07@${address}`;

    const options = await transact(sender, request(sender, 'OPTIONS', uri));
    assert.equal(options.status, 200);
    for (const method of ['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS']) {
      assert.match(header(options, 'Allow') ?? '', new RegExp(`\\b${method}\\b`));
    }
    assert.match(header(options, 'Accept') ?? '', /application\/sdp/);

    const unknown = await transact(sender, request(sender, 'FROBNICATE', uri));
    assert.ok(unknown.status === 501 || unknown.status === 405, unknown.text);
    const outside = await transact(sender, request(sender, 'BYE', uri, { toTag: 'none-of-ours' }));
    assert.equal(outside.status, 481);
    const extension = request(sender, 'OPTIONS', uri, { headers: ['Require: no-such-extension'] });
    const refused = await transact(sender, extension);
    assert.equal(refused.status, 420);
    assert.equal(header(refused, 'Unsupported'), 'no-such-extension');

    // RFC 3261 §9.2: the CANCEL is answered by itself, the INVITE by 487.
    const ids = { callId: `cancelled-${transport}`, branch: `z9hG4bK-cancelled-${transport}` };
    sender.send(
      request(sender, 'INVITE', uri, {
        ...ids,
        headers: ['Content-Type: application/sdp'],
        body: offer('127.0.0.66', 40_000),
      }),
    );
    const of = (status: number, method: string) =>
      sender.inbox.take(
        `${status} to ${method}`,
        3_000,
        (item) => item.status === status && item.method === method && header(item, 'Call-ID') === ids.callId,
      );
    await of(180, 'INVITE');
    sender.send(request(sender, 'CANCEL', uri, ids));
    await of(200, 'CANCEL');
    await of(487, 'INVITE');
    sender.send(request(sender, 'ACK', uri, ids));
    await terminal.event({ direction: 'incoming', state: 'ended', cause: 'cancelled' }, 2_000);
    assert.deepEqual((await terminal.status()).calls, []);
  });
}

test('the same request twice is answered twice and done once', { timeout: 60_000 }, async (t) => {
  const terminal = await startTerminal(t, { address });
  const sender = await udpSender('127.0.0.66', to);
  t.after(() => sender.close());
  const invite = request(sender, 'INVITE', `sip:help-07@${address}`, {
    headers: ['Content-Type: application/sdp'],
    body: offer('127.0.0.66', 40_000),
  });
  sender.send(invite);
  sender.send(invite);
  await until('two answers', 3_000, () => sender.inbox.items.filter(({ status }) => status === 603).length >= 2);
  const refusals = terminal.events.items.filter(({ state }) => state === 'refused');
  assert.equal(refusals.length, 1);
});

const messages = testData('rfc4475');

/** What `expectations.json` demands. */
interface Verdict {
  do: 'respond' | 'process' | 'drop' | 'parse-response';
  any_of?: number[];
  also_tolerable?: number[];
  never?: number[];
  liberal_ok?: boolean;
  allow_drop?: boolean;
  stream?: string;
}

function isRight({ answers, transport }: Outcome, verdict: Verdict): boolean {
  const finals = answers.filter((status) => status >= 200);
  const allowed = [...(verdict.any_of ?? []), ...(verdict.also_tolerable ?? [])];
  switch (verdict.do) {
    case 'drop':
    case 'parse-response':
      return answers.length === 0;
    case 'process':
      return finals.length > 0 && !finals.some((status) => verdict.never?.includes(status));
    case 'respond':
      if (verdict.liberal_ok === true) return !finals.some((status) => verdict.never?.includes(status));
      // On a stream the answer may be that it ends, and what follows the body is a message of its own.
      if (verdict.allow_drop === true || (transport === 'TCP' && verdict.stream !== undefined))
        return finals.every((status) => allowed.includes(status));
      return allowed.includes(finals[0]) && (transport === 'TCP' || finals.length === 1);
  }
}

test('RFC 4475 over UDP and TCP: each gets its verdict, and it answers an OPTIONS after each', {
  timeout: 180_000,
  skip: messages === undefined && 'no RFC 4475 messages: set HAILPOINT_TEST_DATA',
}, async (t) => {
  // A network with nothing but loopback: the messages name hosts of others.
  const unshare = process.getuid?.() === 0 ? ['-n'] : ['-rn'];
  const script = 'ip link set lo up && exec "$@"';
  const program = [process.execPath, '--enable-source-maps', `${checkout}build/test/peer/torture-in-namespace.js`];
  const { stdout, stderr } = await promisify(execFile)(
    'unshare',
    [...unshare, 'sh', '-c', script, 'sh', ...program, messages!],
    { timeout: 150_000, maxBuffer: 1 << 24 },
  );
  const outcomes = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
  assert.equal(stderr, '');
  assert.equal(outcomes.length % 2, 0);
  assert.ok(outcomes.length >= 98, `${outcomes.length} messages were sent`);
  const bad = outcomes.filter(({ options, samePid }) => options !== 200 || !samePid);
  assert.deepEqual(bad, []);
  const { messages: verdicts } = JSON.parse(readFileSync(`${messages}/expectations.json`, 'utf8')) as {
    messages: { file: string; endpoint: Verdict }[];
  };
  const wrong = outcomes.filter((outcome) => {
    const verdict = verdicts.find(({ file }) => file === outcome.name)?.endpoint;
    return verdict !== undefined && !isRight(outcome, verdict);
  });
  assert.deepEqual(wrong, []);
  t.diagnostic(`${outcomes.filter(({ answers }) => answers.length > 0).length} of ${outcomes.length} were answered`);
});
