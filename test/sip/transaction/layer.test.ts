/** Which transaction a message belongs to, and what becomes of those that belong to none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  createRequest,
  createResponse,
  type Hop,
  parseMessage,
  type SipMessage,
  type SipRequest,
} from '../../../src/sip/message/index.ts';
import { Alarms } from '../../../src/sip/transaction/alarms.ts';
import { TransactionLayer, type TransactionOutput } from '../../../src/sip/transaction/index.ts';
import { CountingRandom } from '../../kit/random.ts';

const hop: Hop = {
  transport: 'udp',
  remote: { host: '127.21.1.2', port: 5060 },
  local: { host: '127.21.1.1', port: 5062 },
};

function ask(method: string, changes: Record<string, string | undefined> = {}): SipRequest {
  const headers = {
    Via: 'SIP/2.0/UDP 127.21.1.2;branch=z9hG4bKa',
    From: '<sip:desk>;tag=1',
    To: '<sip:gate>',
    'Call-ID': 'x',
    CSeq: `1 ${method}`,
    ...changes,
  };
  return createRequest({
    method,
    uri: 'sip:gate',
    headers: Object.entries(headers).filter((line): line is [string, string] => line[1] !== undefined),
  });
}

const shortly = (message: SipMessage): string => (message.kind === 'request' ? message.method : String(message.status));

function word(output: TransactionOutput): string {
  switch (output.kind) {
    case 'send':
      return `send ${shortly(output.message)}`;
    case 'request':
      return `request ${output.request.method}${output.transaction === undefined ? '' : ' to answer'}`;
    case 'response':
      return `response ${output.response.status}`;
    case 'terminated':
      return `terminated ${output.cause}`;
  }
}

const summary = (outputs: TransactionOutput[]): string => outputs.map(word).join(', ');

function started(outputs: TransactionOutput[]): string {
  const [output] = outputs;
  assert.ok(output.kind === 'request' && output.transaction !== undefined);
  return output.transaction;
}

const layer = (options = {}) => new TransactionLayer(new CountingRandom(), options);
const noVia = (method: string) => ask(method, { Via: undefined });

test('a request of ours goes out under a Via of its own and leaves the original alone', () => {
  const original = noVia('OPTIONS');
  const { outputs } = layer().request(original, hop, 0);
  assert.equal(summary(outputs), 'send OPTIONS');
  assert.ok(outputs[0].kind === 'send');
  assert.equal(outputs[0].message.header('Via'), 'SIP/2.0/UDP 127.21.1.1:5062;rport;branch=z9hG4bKt1');
  assert.ok(!original.has('Via'));
});

test('IPv6 stands in brackets in the Via', () => {
  const { outputs } = layer().request(noVia('OPTIONS'), { ...hop, local: { host: '::1', port: 5060 } }, 0);
  assert.ok(outputs[0].kind === 'send');
  assert.match(outputs[0].message.header('Via')!, /^SIP\/2\.0\/UDP \[::1\]:5060;/);
});

for (const [sentence, changes, expected] of [
  ['its branch and method', {}, 'response 200'],
  ['another branch', { Via: 'SIP/2.0/UDP 127.21.1.1:5062;branch=z9hG4bKother' }, ''],
  ['another method', { CSeq: '1 BYE' }, ''],
  ['a second Via', { Via: 'SIP/2.0/UDP 127.21.1.1:5062;branch=z9hG4bKt1, SIP/2.0/UDP b' }, ''],
] as const) {
  test(`a response with ${sentence}: ${expected || 'nothing'}`, () => {
    const transactions = layer();
    const { outputs } = transactions.request(noVia('OPTIONS'), hop, 0);
    assert.ok(outputs[0].kind === 'send' && outputs[0].message.kind === 'request');
    const response = createResponse(outputs[0].message, 200);
    for (const [name, value] of Object.entries(changes)) response.set(name, value);
    assert.equal(summary(transactions.receive(response, hop, 1)), expected);
  });
}

for (const [sentence, changes, expected] of [
  ['the same again', {}, ''],
  ['the same branch in other letters', { Via: 'SIP/2.0/UDP 127.21.1.2;branch=z9hG4bKA' }, 'request OPTIONS to answer'],
  [
    'the same branch from another sent-by',
    { Via: 'SIP/2.0/UDP 127.21.1.3;branch=z9hG4bKa' },
    'request OPTIONS to answer',
  ],
  ['the same with the default port written', { Via: 'SIP/2.0/UDP 127.21.1.2:5060;branch=z9hG4bKa' }, ''],
] as const) {
  test(`a second request, ${sentence}: ${expected || 'absorbed'}`, () => {
    const transactions = layer();
    assert.equal(summary(transactions.receive(ask('OPTIONS'), hop, 0)), 'request OPTIONS to answer');
    assert.equal(summary(transactions.receive(ask('OPTIONS', changes), hop, 1)), expected);
  });
}

test('without a real branch RFC 2543 decides: tags, Call-ID, CSeq, Request-URI, Via', () => {
  const transactions = layer();
  for (const via of ['SIP/2.0/UDP 127.21.1.2;branch=z9hG4bK', 'SIP/2.0/UDP 127.21.1.2']) {
    assert.equal(summary(transactions.receive(ask('INVITE', { Via: via }), hop, 0)), 'request INVITE to answer');
    assert.equal(summary(transactions.receive(ask('INVITE', { Via: via }), hop, 1)), '');
    const other = transactions.receive(ask('INVITE', { Via: via, 'Call-ID': 'y' }), hop, 2);
    assert.equal(summary(other), 'request INVITE to answer');
  }
});

test('an old INVITE is refused and its ACK, with our tag, found', () => {
  const transactions = layer();
  const invite = ask('INVITE', { Via: 'SIP/2.0/UDP 127.21.1.2' });
  const id = started(transactions.receive(invite, hop, 0));
  assert.equal(
    summary(transactions.respond(id, createResponse(invite, 486, undefined, { toTag: 'us' }), 1)),
    'send 486',
  );
  const ack = ask('ACK', { Via: 'SIP/2.0/UDP 127.21.1.2', To: '<sip:gate>;tag=us' });
  assert.equal(summary(transactions.receive(ack, hop, 2)), '');
  assert.equal(summary(transactions.timeout(5002)), 'terminated done');
});

test('the ACK to a refusal is absorbed, the ACK to a 2xx goes up', () => {
  const transactions = layer();
  const invite = ask('INVITE');
  const id = started(transactions.receive(invite, hop, 0));
  transactions.respond(id, createResponse(invite, 486), 1);
  assert.equal(summary(transactions.receive(ask('ACK'), hop, 2)), '');
  const ack = ask('ACK', { Via: 'SIP/2.0/UDP 127.21.1.2;branch=z9hG4bKnew' });
  assert.equal(summary(transactions.receive(ack, hop, 3)), 'request ACK');
});

for (const [sentence, changes, found] of [
  ['the branch of the INVITE', {}, true],
  ['another branch', { Via: 'SIP/2.0/UDP 127.21.1.2;branch=z9hG4bKb' }, false],
  ['another sent-by', { Via: 'SIP/2.0/UDP 127.21.1.9;branch=z9hG4bKa' }, false],
] as const) {
  test(`a CANCEL with ${sentence} ${found ? 'finds' : 'does not find'} it, and is a transaction of its own`, () => {
    const transactions = layer();
    const invite = started(transactions.receive(ask('INVITE'), hop, 0));
    const cancel = ask('CANCEL', changes);
    assert.equal(summary(transactions.receive(cancel, hop, 1)), 'request CANCEL to answer');
    assert.equal(transactions.invitedBy(cancel), found ? invite : undefined);
  });
}

test('our CANCEL waits for a provisional response, has the Via of its INVITE, and goes its own way', () => {
  const transactions = layer();
  const { id, outputs } = transactions.request(noVia('INVITE'), hop, 0);
  assert.ok(outputs[0].kind === 'send' && outputs[0].message.kind === 'request');
  const sent = outputs[0].message;
  assert.equal(transactions.cancel(id, 1), undefined);
  transactions.receive(createResponse(sent, 180), hop, 2);
  const cancel = transactions.cancel(id, 3, [['Reason', 'SIP;cause=200']]);
  assert.ok(cancel?.outputs[0].kind === 'send');
  assert.equal(cancel.outputs[0].message.header('Via'), sent.header('Via'));
  assert.equal(cancel.outputs[0].message.header('CSeq'), '1 CANCEL');
  assert.equal(cancel.outputs[0].message.header('Reason'), 'SIP;cause=200');
  const made = cancel.outputs[0].message as SipRequest;
  assert.equal(summary(transactions.receive(createResponse(made, 200), hop, 4)), 'response 200');
  assert.equal(summary(transactions.receive(createResponse(sent, 487), hop, 5)), 'send ACK, response 487');
  assert.equal(transactions.cancel(id, 6), undefined);
});

test('a CANCEL made by hand keeps its Via', () => {
  const cancel = ask('CANCEL', { Via: 'SIP/2.0/UDP 127.21.1.1;branch=z9hG4bKours' });
  const { outputs } = layer().request(cancel, hop, 0);
  assert.ok(outputs[0].kind === 'send');
  assert.deepEqual(outputs[0].message.headers('Via'), ['SIP/2.0/UDP 127.21.1.1;branch=z9hG4bKours']);
});

test('the ACK to a 2xx gets a fresh branch and no transaction', () => {
  const transactions = layer();
  const [first] = transactions.sendAck(noVia('ACK'), hop);
  const [second] = transactions.sendAck(noVia('ACK'), hop);
  assert.ok(first.kind === 'send' && second.kind === 'send');
  assert.notEqual(first.message.header('Via'), second.message.header('Via'));
  assert.equal(first.transaction, undefined);
  assert.equal(transactions.size, 0);
});

test('a response nobody waits for is nothing', () => {
  assert.equal(summary(layer().receive(createResponse(ask('INVITE'), 200), hop, 0)), '');
});

test('an answer goes to where the request came from last', () => {
  const transactions = layer();
  const id = started(transactions.receive(ask('OPTIONS'), { ...hop, transport: 'tcp', flow: 'tcp-1' }, 0));
  transactions.receive(ask('OPTIONS'), { ...hop, transport: 'tcp', flow: 'tcp-2' }, 1);
  const [answer] = transactions.respond(id, createResponse(ask('OPTIONS'), 200), 2);
  assert.ok(answer.kind === 'send');
  assert.equal(answer.hop.flow, 'tcp-2');
});

test('beyond the cap a request is refused with 503 and not kept; an ACK is not answered', () => {
  const transactions = layer({ serverMax: 1 });
  transactions.receive(ask('OPTIONS'), hop, 0);
  const other = { Via: 'SIP/2.0/UDP 127.21.1.2;branch=z9hG4bKb' };
  assert.equal(summary(transactions.receive(ask('OPTIONS', other), hop, 1)), 'send 503');
  assert.equal(summary(transactions.receive(ask('ACK', other), hop, 2)), 'request ACK');
  assert.equal(summary(transactions.receive(ask('OPTIONS'), hop, 3)), '');
  assert.equal(transactions.size, 1);
});

test('beyond the cap one that was answered makes room, one that waits for its answer does not', () => {
  const transactions = layer({ serverMax: 2 });
  const via = (branch: string) => ({ Via: `SIP/2.0/UDP 127.21.1.2;branch=z9hG4bK${branch}` });
  transactions.receive(ask('OPTIONS', via('waits')), hop, 0);
  const [answered] = transactions.receive(ask('OPTIONS', via('answered')), hop, 0);
  assert.ok(answered.kind === 'request' && answered.transaction !== undefined);
  transactions.respond(answered.transaction, createResponse(answered.request, 200), 1);
  assert.equal(
    summary(transactions.receive(ask('OPTIONS', via('new')), hop, 2)),
    'terminated done, request OPTIONS to answer',
  );
  assert.equal(summary(transactions.receive(ask('OPTIONS', via('newer')), hop, 3)), 'send 503');
  assert.equal(summary(transactions.receive(ask('OPTIONS', via('waits')), hop, 4)), '');
  assert.equal(transactions.size, 2);
});

test('requests as long as a datagram are forgotten sooner', () => {
  const transactions = layer();
  const long = 'x'.repeat(50_000);
  for (let i = 0; i < 1_000; i++) {
    const request = ask('MESSAGE', { Via: `SIP/2.0/UDP 127.21.1.2;branch=z9hG4bK${i}`, 'Call-ID': `${i}${long}` });
    transactions.respond(started(transactions.receive(request, hop, i).slice(-1)), createResponse(request, 200), i);
  }
  assert.ok(transactions.size < 200, `${transactions.size}`);
});

test('beyond the cap a request of ours ends at once', () => {
  const transactions = layer({ clientMax: 1 });
  transactions.request(noVia('OPTIONS'), hop, 0);
  assert.equal(summary(transactions.request(noVia('OPTIONS'), hop, 0).outputs), 'terminated transport');
  assert.equal(transactions.size, 1);
});

test('a failed transport ends the transaction and is told once', () => {
  const transactions = layer();
  const { id } = transactions.request(noVia('INVITE'), hop, 0);
  const outputs = transactions.transportFailed(id, 'no route', 1);
  assert.deepEqual(outputs, [{ kind: 'terminated', transaction: id, cause: 'transport', reason: 'no route' }]);
  assert.deepEqual(transactions.transportFailed(id, 'no route', 2), []);
  assert.equal(transactions.deadline, undefined);
});

test('an abandoned transaction is silent', () => {
  const transactions = layer();
  const { id } = transactions.request(noVia('INVITE'), hop, 0);
  transactions.abandon(id);
  assert.equal(transactions.size, 0);
  assert.equal(transactions.deadline, undefined);
});

test('a thousand transactions wake in order and all are gone at the end', () => {
  const transactions = layer();
  for (let i = 0; i < 500; i++) {
    transactions.request(noVia('OPTIONS'), hop, (i * 7919) % 500);
    const via = `SIP/2.0/UDP 127.21.1.2;branch=z9hG4bK${i}`;
    const id = started(transactions.receive(ask('OPTIONS', { Via: via }), hop, i));
    transactions.respond(id, createResponse(ask('OPTIONS', { Via: via }), 200), i);
  }
  assert.equal(transactions.size, 1000);
  let last = 0;
  let sent = 0;
  for (let at = transactions.deadline; at !== undefined; at = transactions.deadline) {
    assert.ok(at >= last);
    last = at;
    sent += transactions.timeout(at).filter(({ kind }) => kind === 'send').length;
  }
  assert.equal(transactions.size, 0);
  assert.equal(sent, 500 * 10);
  assert.equal(last, 32_499);
});

test('an answered transaction keeps no hold of the datagram it came from', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const transactions = layer();
  const rest = `From: <sip:desk@example.com>;tag=1\r\nTo: <sip:gate@example.com>\r\nCall-ID: 0123456789abcdef\r\nCSeq: 1 OPTIONS`;
  const padding = 'x'.repeat(20_000);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 1000; i++) {
    const via = `Via: SIP/2.0/UDP 127.21.1.2:5060;branch=z9hG4bK0123456789${i}`;
    const text = `OPTIONS sip:gate SIP/2.0\r\n${via}\r\n${rest}\r\nX: ${padding}\r\n\r\n`;
    const request = parseMessage(Buffer.from(text)) as SipRequest;
    transactions.respond(started(transactions.receive(request, hop, 0)), createResponse(request, 200), 0);
  }
  collect();
  const each = (process.memoryUsage().heapUsed - before) / 1000;
  assert.equal(transactions.size, 1000);
  assert.ok(each < 5000, `${each} octets each`);
});

test('other timings: T1 of 100 ms', () => {
  const transactions = layer({ t1Ms: 100 });
  transactions.request(noVia('INVITE'), hop, 0);
  assert.equal(transactions.deadline, 100);
});

test('alarms: moved, cleared and taken in order', () => {
  const alarms = new Alarms();
  for (let i = 0; i < 200; i++) alarms.set(`a${i}`, 1000 - i);
  for (let i = 0; i < 200; i++) alarms.set(`a${i}`, i % 2 === 0 ? i : undefined);
  const taken: string[] = [];
  for (let id = alarms.take(5); id !== undefined; id = alarms.take(5)) taken.push(id);
  assert.deepEqual(taken, ['a0', 'a2', 'a4']);
  assert.equal(alarms.next, 6);
  assert.equal(alarms.take(5), undefined);
});
