/** The four machines in virtual time: every timer of RFC 3261 §17 (A..K) and RFC 6026 (L, M), on both kinds of transport. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequest, createResponse, type SipMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { InviteClientTransaction } from '../../../src/sip/transaction/invite-client.ts';
import { InviteServerTransaction } from '../../../src/sip/transaction/invite-server.ts';
import { NonInviteClientTransaction } from '../../../src/sip/transaction/non-invite-client.ts';
import { NonInviteServerTransaction } from '../../../src/sip/transaction/non-invite-server.ts';
import { DEFAULT_TIMING, type MachineOutput } from '../../../src/sip/transaction/types.ts';

const UDP = false;
const TCP = true;

function make(method: string): SipRequest {
  return createRequest({
    method,
    uri: 'sip:gate',
    headers: [
      ['Via', 'SIP/2.0/UDP desk;branch=z9hG4bKx'],
      ['Route', '<sip:proxy;lr>'],
      ['From', '<sip:desk>;tag=1'],
      ['To', '<sip:gate>'],
      ['Call-ID', 'x'],
      ['CSeq', `7 ${method}`],
    ],
  });
}

interface Machine {
  readonly deadline: number | undefined;
  readonly state: string;
  timeout(now: number): MachineOutput[];
  transportFailed(reason: string): MachineOutput[];
}

const shortly = (message: SipMessage): string => (message.kind === 'request' ? message.method : String(message.status));

/**
 * Plays `history`, which is `TIME INPUT` per entry, and returns what came out as `TIME OUTPUT`. Input: `start`, a status
 * (received by a client, given to a server), a method (received by a server), `broken`. Timers fire when they are due.
 */
function play(machine: Machine, input: (word: string, now: number) => MachineOutput[], history: string): string {
  const trace: string[] = [];
  const note = (now: number, outputs: MachineOutput[]) => {
    for (const output of outputs) {
      const what = output.kind === 'terminated' ? output.cause : shortly(output.message);
      trace.push(`${now} ${output.kind} ${what}`);
    }
  };
  const wake = (until: number) => {
    for (let at = machine.deadline; at !== undefined && at <= until; at = machine.deadline)
      note(at, machine.timeout(at));
  };
  for (const entry of history.split(', ')) {
    const [time, word] = entry.split(' ');
    const now = Number(time);
    wake(now);
    if (word === 'broken') note(now, machine.transportFailed('no route'));
    else if (word !== 'end') note(now, input(word, now));
  }
  wake(1e9);
  assert.equal(machine.deadline, undefined, 'a timer is left');
  return trace.join(', ');
}

for (const [sentence, reliable, history, expected] of [
  [
    'A doubles, B gives up after 64*T1',
    UDP,
    '0 start',
    '0 send INVITE, 500 send INVITE, 1500 send INVITE, 3500 send INVITE, 7500 send INVITE, 15500 send INVITE, 31500 send INVITE, 32000 terminated timeout',
  ],
  ['no A on TCP, B the same', TCP, '0 start', '0 send INVITE, 32000 terminated timeout'],
  [
    'a provisional response ends A and B; ringing may last for ever',
    UDP,
    '0 start, 600 100, 900 180, 3600000 180, 3700000 broken',
    '0 send INVITE, 500 send INVITE, 600 pass 100, 900 pass 180, 3600000 pass 180, 3700000 terminated transport',
  ],
  [
    'a refusal is acknowledged, each repeated one again, until D',
    UDP,
    '0 start, 100 486, 600 486, 1600 603, 1700 180, 32000 486',
    '0 send INVITE, 100 send ACK, 100 pass 486, 600 send ACK, 1600 send ACK, 32000 send ACK, 32100 terminated done',
  ],
  ['D is zero on TCP', TCP, '0 start, 100 486', '0 send INVITE, 100 send ACK, 100 pass 486, 100 terminated done'],
  [
    'every 2xx goes up until M, nothing else does',
    UDP,
    '0 start, 10 180, 100 200, 600 200, 700 180, 800 486, 31000 200',
    '0 send INVITE, 10 pass 180, 100 pass 200, 600 pass 200, 31000 pass 200, 32100 terminated done',
  ],
  ['M runs on TCP too', TCP, '0 start, 100 200', '0 send INVITE, 100 pass 200, 32100 terminated done'],
  ['a broken transport ends it', UDP, '0 start, 10 broken, 20 200', '0 send INVITE, 10 terminated transport'],
  [
    'a broken transport after the 2xx does not',
    UDP,
    '0 start, 10 200, 20 broken, 30 200',
    '0 send INVITE, 10 pass 200, 30 pass 200, 32010 terminated done',
  ],
] as const) {
  test(`INVITE client: ${sentence}`, () => {
    const invite = make('INVITE');
    const machine = new InviteClientTransaction(invite, reliable, DEFAULT_TIMING);
    const trace = play(
      machine,
      (word, now) =>
        word === 'start' ? machine.start(now) : machine.receive(createResponse(invite, Number(word)), now),
      history,
    );
    assert.equal(trace, expected);
    assert.equal(machine.state, 'terminated');
  });
}

for (const [sentence, reliable, history, expected] of [
  [
    'E doubles up to T2, F gives up after 64*T1',
    UDP,
    '0 start',
    '0 send BYE, 500 send BYE, 1500 send BYE, 3500 send BYE, 7500 send BYE, 11500 send BYE, 15500 send BYE, 19500 send BYE, 23500 send BYE, 27500 send BYE, 31500 send BYE, 32000 terminated timeout',
  ],
  ['no E on TCP, F the same', TCP, '0 start', '0 send BYE, 32000 terminated timeout'],
  [
    'after a provisional response E is T2, and F still runs',
    UDP,
    '0 start, 100 100',
    '0 send BYE, 100 pass 100, 500 send BYE, 4500 send BYE, 8500 send BYE, 12500 send BYE, 16500 send BYE, 20500 send BYE, 24500 send BYE, 28500 send BYE, 32000 terminated timeout',
  ],
  [
    'repeated final responses are swallowed until K',
    UDP,
    '0 start, 100 200, 600 200, 5000 200',
    '0 send BYE, 100 pass 200, 5100 terminated done',
  ],
  ['K is zero on TCP', TCP, '0 start, 100 404', '0 send BYE, 100 pass 404, 100 terminated done'],
  ['a broken transport ends it', UDP, '0 start, 10 broken', '0 send BYE, 10 terminated transport'],
  [
    'a broken transport after the answer does not',
    UDP,
    '0 start, 10 200, 20 broken',
    '0 send BYE, 10 pass 200, 5010 terminated done',
  ],
] as const) {
  test(`non-INVITE client: ${sentence}`, () => {
    const bye = make('BYE');
    const machine = new NonInviteClientTransaction(bye, reliable, DEFAULT_TIMING);
    const trace = play(
      machine,
      (word, now) => (word === 'start' ? machine.start(now) : machine.receive(createResponse(bye, Number(word)), now)),
      history,
    );
    assert.equal(trace, expected);
    assert.equal(machine.state, 'terminated');
  });
}

for (const [sentence, reliable, history, expected] of [
  [
    'a repeated INVITE gets the last provisional response, or nothing before the first',
    UDP,
    '0 INVITE, 10 100, 20 INVITE, 30 180, 40 INVITE, 50 broken',
    '10 send 100, 20 send 100, 30 send 180, 40 send 180, 50 terminated transport',
  ],
  [
    'G repeats a refusal up to T2 apart, H gives up after 64*T1',
    UDP,
    '0 486',
    '0 send 486, 500 send 486, 1500 send 486, 3500 send 486, 7500 send 486, 11500 send 486, 15500 send 486, 19500 send 486, 23500 send 486, 27500 send 486, 31500 send 486, 32000 terminated timeout',
  ],
  ['no G on TCP, H the same', TCP, '0 486', '0 send 486, 32000 terminated timeout'],
  [
    'the ACK stops G; further ones are swallowed until I',
    UDP,
    '0 486, 400 INVITE, 600 ACK, 700 ACK, 800 INVITE',
    '0 send 486, 400 send 486, 500 send 486, 5600 terminated done',
  ],
  ['I is zero on TCP', TCP, '0 486, 600 ACK', '0 send 486, 600 terminated done'],
  [
    'a 2xx is sent as often as the user wants, a repeated INVITE is swallowed, until L',
    UDP,
    '0 200, 100 INVITE, 500 200, 600 486, 700 180',
    '0 send 200, 500 send 200, 32000 terminated done',
  ],
  ['L runs on TCP too', TCP, '0 200', '0 send 200, 32000 terminated done'],
  [
    'an ACK with the branch of the INVITE goes up',
    UDP,
    '0 200, 100 ACK',
    '0 send 200, 100 pass ACK, 32000 terminated done',
  ],
  [
    'a broken transport after the 2xx leaves it to the user',
    UDP,
    '0 200, 100 broken, 500 200',
    '0 send 200, 500 send 200, 32000 terminated done',
  ],
  ['a broken transport while refusing ends it', UDP, '0 486, 100 broken', '0 send 486, 100 terminated transport'],
  ['an ACK before any answer is nothing', UDP, '0 ACK, 1 486, 2 ACK', '1 send 486, 5002 terminated done'],
] as const) {
  test(`INVITE server: ${sentence}`, () => {
    const machine = new InviteServerTransaction(reliable, DEFAULT_TIMING);
    const trace = play(
      machine,
      (word, now) =>
        /^\d/.test(word)
          ? machine.respond(createResponse(make('INVITE'), Number(word)), now)
          : machine.receive(make(word), now),
      history,
    );
    assert.equal(trace, expected);
    assert.equal(machine.state, 'terminated');
  });
}

for (const [sentence, reliable, history, expected] of [
  [
    'a repeated request gets the last response, or nothing before the first, until J',
    UDP,
    '0 BYE, 10 100, 20 BYE, 30 200, 40 BYE, 50 404, 32000 BYE',
    '10 send 100, 20 send 100, 30 send 200, 40 send 200, 32000 send 200, 32030 terminated done',
  ],
  ['J is zero on TCP', TCP, '0 200', '0 send 200, 0 terminated done'],
  ['a broken transport ends it', UDP, '0 200, 10 broken', '0 send 200, 10 terminated transport'],
] as const) {
  test(`non-INVITE server: ${sentence}`, () => {
    const machine = new NonInviteServerTransaction(reliable, DEFAULT_TIMING);
    const trace = play(
      machine,
      (word, now) =>
        /^\d/.test(word)
          ? machine.respond(createResponse(make('BYE'), Number(word)), now)
          : machine.receive(make(word), now),
      history,
    );
    assert.equal(trace, expected);
    assert.equal(machine.state, 'terminated');
  });
}

test('the ACK to a refusal: Via, Route, Call-ID and CSeq number of the INVITE, To of the answer (§17.1.1.3)', () => {
  const invite = make('INVITE');
  const machine = new InviteClientTransaction(invite, UDP, DEFAULT_TIMING);
  machine.start(0);
  const [sent] = machine.receive(createResponse(invite, 486, undefined, { toTag: 'theirs' }), 1);
  assert.ok(sent.kind === 'send' && sent.message.kind === 'request');
  assert.equal(sent.message.startLine, 'ACK sip:gate SIP/2.0');
  assert.deepEqual(sent.message.lines(), [
    ['Via', 'SIP/2.0/UDP desk;branch=z9hG4bKx'],
    ['Route', '<sip:proxy;lr>'],
    ['Max-Forwards', '70'],
    ['From', '<sip:desk>;tag=1'],
    ['To', '<sip:gate>;tag=theirs'],
    ['Call-ID', 'x'],
    ['CSeq', '7 ACK'],
  ]);
});
