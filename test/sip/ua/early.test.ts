/**
 * Who may offer and answer in which message: the six patterns of RFC 6337 §2, both ways, and what UPDATE adds before the
 * INVITE is answered (RFC 3311). A row is a conversation: `<` is what the other side says, what we do and say follows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipMessage, SipRequest, SipResponse } from '../../../src/sip/message/index.ts';
import type { Body } from '../../../src/sip/ua/index.ts';
import { CONFIG, Peer } from './peer.ts';

const sdp = (text: string): Body => ({ contentType: 'application/sdp', bytes: Buffer.from(text) });
const refusal = { status: 488, reason: 'Not Acceptable Here' };
const ALLOW: [string, string] = ['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE, PRACK'];

/** A call and what is needed to speak in it; each step returns what we said, `METHOD body` or `status METHOD body`. */
class Conversation {
  readonly peer = new Peer({ ...CONFIG, accounts: [] });
  /** Their or our INVITE, and the last request of ours by method. */
  invite!: SipRequest;
  readonly ours = new Map<string, SipRequest>();
  #rseq = 0;
  #last: SipResponse | undefined;

  readonly steps: Record<string, (body?: Body) => void> = {
    // ---- we call
    'we INVITE': (body) => {
      this.peer.do(this.peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => body }, 0));
    },
    '< 183': (body) => void this.peer.reply(this.invite, 183, { body, headers: [ALLOW] }),
    '< 183 reliable': (body) => this.#reliable('peer', body),
    '< 183 reliable of another branch': (body) => this.#reliable('other', body),
    '< 183 reliable without Allow': (body) => this.#reliable('peer', body, []),
    '< 200': (body) => void this.peer.reply(this.invite, 200, { body, headers: [ALLOW] }),
    '< 200 of another branch': (body) => void this.peer.reply(this.invite, 200, { body, tag: 'other' }),
    '< 200 to our PRACK': (body) => void this.peer.reply(this.ours.get('PRACK')!, 200, { body }),
    '< 491 to our PRACK': () => void this.peer.reply(this.ours.get('PRACK')!, 491),
    '< 488 to our PRACK': () => void this.peer.reply(this.ours.get('PRACK')!, 488),
    '< 200 to our UPDATE': (body) => void this.peer.reply(this.ours.get('UPDATE')!, 200, { body }),
    '< 491 to our UPDATE': () => void this.peer.reply(this.ours.get('UPDATE')!, 491),
    '< 500 to our UPDATE': () =>
      void this.peer.reply(this.ours.get('UPDATE')!, 500, { headers: [['Retry-After', '3']] }),
    '< 488 to our UPDATE': () => void this.peer.reply(this.ours.get('UPDATE')!, 488),
    '< 200 to our re-INVITE': (body) => void this.peer.reply(this.ours.get('INVITE')!, 200, { body }),
    // ---- we are called
    '< INVITE': (body) => this.#called(body, [['Supported', '100rel'], ALLOW]),
    '< INVITE of who knows no PRACK': (body) => this.#called(body, []),
    'we ring': (body) => void this.peer.do(this.peer.ua.ring(this.#session, this.peer.now, { status: 183, body })),
    'we accept': (body) => void this.peer.do(this.peer.ua.accept(this.#session, body, this.peer.now)),
    '< PRACK': (body) => {
      const { sequence } = this.invite.cseq;
      this.#ask('PRACK', body, { headers: [['RAck', `${this.#last!.header('RSeq')} ${sequence} INVITE`]] });
    },
    '< ACK': (body) => this.#ask('ACK', body, { sequence: this.invite.cseq.sequence }),
    '< CANCEL': () => void this.peer.ask('CANCEL', { branch: 'z9hG4bKi', sequence: 7 }),
    // ---- either way
    '< UPDATE': (body) => this.#ask('UPDATE', body),
    '< UPDATE from elsewhere': (body) => this.#ask('UPDATE', body, { contact: '<sip:desk@127.66.0.77>' }),
    '< INVITE again': (body) => this.#ask('INVITE', body),
    '< BYE': () => this.#ask('BYE'),
    'we answer': (body) => void this.peer.do(this.peer.ua.answerOffer(this.#session, body ?? refusal, this.peer.now)),
    'we refuse': () => void this.peer.do(this.peer.ua.answerOffer(this.#session, refusal, this.peer.now)),
    'we offer': (body) =>
      void this.peer.do(this.peer.ua.reinvite(this.#session, () => body ?? sdp('none'), this.peer.now)),
    'we end': () => void this.peer.do(this.peer.ua.end(this.#session, this.peer.now)),
    'five seconds pass': () => void this.peer.pass(5_000),
  };

  get #session(): string {
    return this.peer.session || 's';
  }

  #called(body: Body | undefined, headers: [string, string][]): void {
    this.invite = this.peer.ask('INVITE', { body, headers, sequence: 7, branch: 'z9hG4bKi' });
  }

  #reliable(tag: string, body: Body | undefined, headers: [string, string][] = [ALLOW]): void {
    const rseq: [string, string] = ['RSeq', String(++this.#rseq)];
    this.peer.reply(this.invite, 183, { body, tag, headers: [['Require', '100rel'], rseq, ...headers] });
  }

  #ask(method: string, body?: Body, more: Parameters<Peer['ask']>[1] = {}): void {
    const outgoing = this.peer.session === '' || this.peer.session === 's';
    const { invite } = this;
    const to = outgoing ? invite.header('From')! : this.#last!.header('To')!;
    const from = outgoing ? `${invite.header('To')};tag=peer` : invite.header('From')!;
    this.peer.ask(method, { to, from, callId: invite.callId, body, ...more });
  }

  say(step: string): string[] {
    const [, name, , text] = /^(.*?)( \((.*)\))?$/.exec(step)!;
    this.steps[name](text === undefined ? undefined : sdp(text));
    const said = this.peer.take().flatMap((message) => this.#hear(message));
    // Without repetitions.
    return said.filter((line, i) => line !== said[i - 1]);
  }

  #hear(message: SipMessage): string[] {
    const body = message.body.length === 0 ? '' : ` (${Buffer.from(message.body).toString()})`;
    if (message.kind === 'request') {
      if (message.method === 'INVITE') this.invite ??= message;
      this.ours.set(message.method, message);
      return [`${message.method}${body}`];
    }
    if (message.status === 100) return [];
    if (message.cseq.method === 'INVITE') this.#last = message;
    return [`${message.status} ${message.cseq.method}${body}`];
  }
}

const hear = (...events: string[]) => events;

for (const [name, conversation, events] of [
  // ---- RFC 6337 §2.2, table 1
  [
    'pattern 1, ours: offer in the INVITE, answer in the 200',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 200 (a)', 'ACK'],
    ],
    hear('accepted with body'),
  ],
  [
    'pattern 1, theirs',
    [['< INVITE (o)'], ['we accept (a)', '200 INVITE (a)'], ['< ACK']],
    hear('incoming', 'confirmed'),
  ],
  [
    'pattern 2, ours: nothing in the INVITE, offer in the 200, answer in the ACK',
    [['we INVITE', 'INVITE'], ['< 200 (o)'], ['we answer (a)', 'ACK (a)']],
    hear('accepted with body'),
  ],
  [
    'pattern 2, theirs',
    [['< INVITE'], ['we accept (o)', '200 INVITE (o)'], ['< ACK (a)']],
    hear('incoming without offer', 'confirmed with body'),
  ],
  [
    'pattern 3, ours: the answer in a reliable 183; what the 200 says is not heard',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< 200 to our PRACK'],
      ['< 200 (other)', 'ACK'],
    ],
    hear('progress 183 with body', 'accepted'),
  ],
  [
    'pattern 3, theirs',
    [
      ['< INVITE (o)'],
      ['we ring (a)', '183 INVITE (a)'],
      ['< PRACK', '200 PRACK'],
      ['we accept (other)', '200 INVITE'],
      ['< ACK'],
    ],
    hear('incoming', 'pracked', 'confirmed'),
  ],
  [
    'pattern 4, ours: nothing in the INVITE, offer in a reliable 183, answer in the PRACK',
    [
      ['we INVITE', 'INVITE'],
      ['< 183 reliable (o)'],
      ['we answer (a)', 'PRACK (a)'],
      ['< 200 to our PRACK'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with offer', 'accepted'),
  ],
  [
    'pattern 4, theirs',
    [
      ['< INVITE'],
      ['we ring (o)', '183 INVITE (o)'],
      ['we accept'],
      ['< PRACK (a)', '200 PRACK', '200 INVITE'],
      ['< ACK'],
    ],
    hear('incoming without offer', 'pracked with body', 'confirmed'),
  ],
  [
    'pattern 5, theirs: a new offer in the PRACK, answered in its 200; the 200 of the INVITE waits for that',
    [
      ['< INVITE (o)'],
      ['we ring (a)', '183 INVITE (a)'],
      ['we accept (a)'],
      ['< PRACK (o2)'],
      ['we answer (a2)', '200 PRACK (a2)', '200 INVITE'],
      ['< ACK'],
    ],
    hear('incoming', 'offered', 'confirmed'),
  ],
  [
    'pattern 5, ours, to who takes no UPDATE: in the next PRACK, answered in its 200',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable without Allow (a)', 'PRACK'],
      ['< 200 to our PRACK'],
      ['we offer (o2)'],
      ['< 183 reliable without Allow', 'PRACK (o2)'],
      ['< 200 to our PRACK (a2)'],
      ['< 183 reliable without Allow', 'PRACK'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with body', 'progress 183', 'reaccepted with body', 'progress 183', 'accepted'),
  ],
  [
    'pattern 5, ours: not in the PRACK of the first answer, which nobody has seen yet',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable without Allow', 'PRACK'],
      ['we offer (o2)'],
      ['< 183 reliable without Allow (a)', 'PRACK'],
      ['< 183 reliable without Allow', 'PRACK (o2)'],
      ['< 200', 'ACK'],
      ['< 200 to our PRACK (a2)'],
    ],
    hear('progress 183', 'progress 183 with body', 'progress 183', 'accepted', 'reaccepted with body'),
  ],
  [
    'pattern 5, ours, met theirs: again, by re-INVITE if the call has been answered by then',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable without Allow (a)', 'PRACK'],
      ['< 200 to our PRACK'],
      ['we offer (o2)'],
      ['< 183 reliable without Allow', 'PRACK (o2)'],
      ['< 491 to our PRACK'],
      ['< 200', 'ACK'],
      ['five seconds pass', 'INVITE (o2)'],
    ],
    hear('progress 183 with body', 'progress 183', 'accepted'),
  ],
  [
    'pattern 5, ours, refused: news, and the call goes on',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable without Allow (a)', 'PRACK'],
      ['we offer (o2)'],
      ['< 183 reliable without Allow', 'PRACK (o2)'],
      ['< 488 to our PRACK'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with body', 'progress 183', 'rerejected 488', 'accepted'),
  ],
  [
    'pattern 6, ours: UPDATE once the first answer is there, answered in its 200',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183'],
      ['we offer (o2)'],
      ['< 183 reliable (a)', 'PRACK', 'UPDATE (o2)'],
      ['< 200 to our UPDATE (a2)'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183', 'progress 183 with body', 'reaccepted with body', 'accepted'),
  ],
  [
    'pattern 6, theirs, to us who call',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< UPDATE (o2)'],
      ['we answer (a2)', '200 UPDATE (a2)'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with body', 'offered', 'accepted'),
  ],
  [
    'pattern 6, theirs, to us who are called',
    [
      ['< INVITE (o)'],
      ['we ring (a)', '183 INVITE (a)'],
      ['< PRACK', '200 PRACK'],
      ['< UPDATE (o2)'],
      ['we answer (a2)', '200 UPDATE (a2)'],
      ['we accept (a)', '200 INVITE'],
    ],
    hear('incoming', 'pracked', 'offered'),
  ],
  [
    'pattern 6, ours, when we are called: not before the PRACK',
    [
      ['< INVITE (o)'],
      ['we ring (a)', '183 INVITE (a)'],
      ['we offer (o2)'],
      ['< PRACK', '200 PRACK', 'UPDATE (o2)'],
      ['< 200 to our UPDATE (a2)'],
      ['we accept (a)', '200 INVITE'],
    ],
    hear('incoming', 'pracked', 'reaccepted with body'),
  ],
  // ---- what the patterns leave out, and what comes all the same
  [
    'an answer in an ordinary 183 is a foretaste, the 200 repeats it',
    [['we INVITE (o)', 'INVITE (o)'], ['< 183 (a)'], ['< 200 (a)', 'ACK']],
    hear('progress 183 with body', 'accepted with body'),
  ],
  [
    'and the 200 may say something else, or nothing',
    [['we INVITE (o)', 'INVITE (o)'], ['< 183 (a)'], ['< 183 (a2)'], ['< 200', 'ACK']],
    hear('progress 183 with body', 'progress 183 with body', 'accepted'),
  ],
  [
    'a second description in a reliable 183 is not heard',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< 183 reliable (a2)', 'PRACK'],
    ],
    hear('progress 183 with body', 'progress 183'),
  ],
  [
    'an offer in an ordinary 183 is none',
    [['we INVITE', 'INVITE'], ['< 183 (o)'], ['< 200 (o)'], ['we answer (a)', 'ACK (a)']],
    hear('progress 183', 'accepted with body'),
  ],
  [
    'we make no offer in an ordinary 183',
    [['< INVITE of who knows no PRACK'], ['we ring (o)', '183 INVITE'], ['we accept (o)', '200 INVITE (o)']],
    hear('incoming without offer'),
  ],
  [
    'but say our answer in one, and again in the 200',
    [['< INVITE of who knows no PRACK (o)'], ['we ring (a)', '183 INVITE (a)'], ['we accept (a)', '200 INVITE (a)']],
    hear('incoming'),
  ],
  [
    'two branches agree on different things, the other one answers',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< 183 reliable of another branch (b)', 'PRACK'],
      ['< 200 of another branch', 'ACK'],
    ],
    hear('progress 183 with body', 'progress 183 with body', 'accepted'),
  ],
  [
    'an offer in a 200 that we refuse: the ACK has no answer, and BYE follows',
    [['we INVITE', 'INVITE'], ['< 200 (o)'], ['< 200 (o)'], ['we refuse', 'ACK', 'BYE']],
    hear('accepted with body', 'ended local us 488'),
  ],
  [
    'and one that we hang up on',
    [['we INVITE', 'INVITE'], ['< 200 (o)'], ['we end', 'ACK', 'BYE']],
    hear('accepted with body', 'ended local us'),
  ],
  [
    'an offer in a reliable 183 that we refuse: the call is given up',
    [['we INVITE', 'INVITE'], ['< 183 reliable (o)'], ['we refuse', 'CANCEL']],
    hear('progress 183 with offer', 'ended cancelled us'),
  ],
  // ---- UPDATE, RFC 3311 §5
  [
    'UPDATE with an offer before our first one is answered: 491',
    [['we INVITE (o)', 'INVITE (o)'], ['< 183'], ['< UPDATE (o2)', '491 UPDATE']],
    hear('progress 183'),
  ],
  [
    'without an offer it only says where they are',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable', 'PRACK'],
      ['< UPDATE from elsewhere', '200 UPDATE'],
      ['< 183 reliable (a)', 'PRACK'],
    ],
    hear('progress 183', 'progress 183 with body'),
  ],
  [
    'UPDATE with an offer before we have answered theirs: 500',
    [['< INVITE (o)'], ['we ring', '183 INVITE'], ['< UPDATE (o2)', '500 UPDATE']],
    hear('incoming'),
  ],
  [
    'while our answer is not acknowledged: 500',
    [['< INVITE (o)'], ['we ring (a)', '183 INVITE (a)'], ['< UPDATE (o2)', '500 UPDATE']],
    hear('incoming'),
  ],
  [
    'while our offer has no answer: 491',
    [['< INVITE'], ['we ring (o)', '183 INVITE (o)'], ['< UPDATE (o2)', '491 UPDATE']],
    hear('incoming without offer'),
  ],
  [
    'while an UPDATE of theirs is not answered: 500; while ours is not: 491',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< UPDATE (o2)'],
      ['< UPDATE (o3)', '500 UPDATE'],
      ['we answer (a2)', '200 UPDATE (a2)'],
      ['we offer (o4)', 'UPDATE (o4)'],
      ['< UPDATE (o5)', '491 UPDATE'],
    ],
    hear('progress 183 with body', 'offered'),
  ],
  [
    'an UPDATE that we refuse changes nothing',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< UPDATE (o2)'],
      ['we refuse', '488 UPDATE'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with body', 'offered', 'accepted'),
  ],
  [
    'our UPDATE met theirs: again after a while',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< 200 to our PRACK'],
      ['we offer (o2)', 'UPDATE (o2)'],
      ['< 491 to our UPDATE'],
      ['five seconds pass', 'UPDATE (o2)'],
      ['< 200 to our UPDATE (a2)'],
    ],
    hear('progress 183 with body', 'reaccepted with body'),
  ],
  [
    'or came too early: after the time they name',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< 200 to our PRACK'],
      ['we offer (o2)', 'UPDATE (o2)'],
      ['< 500 to our UPDATE'],
      ['five seconds pass', 'UPDATE (o2)'],
    ],
    hear('progress 183 with body'),
  ],
  [
    'an UPDATE of ours that is refused is news, and the call goes on',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['we offer (o2)', 'UPDATE (o2)'],
      ['< 488 to our UPDATE'],
      ['< 200', 'ACK'],
    ],
    hear('progress 183 with body', 'rerejected 488', 'accepted'),
  ],
  [
    'who knows no UPDATE is offered anew after the answer, by re-INVITE',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable without Allow (a)', 'PRACK'],
      ['we offer (o2)'],
      ['< 200', 'ACK', 'INVITE (o2)'],
      ['< 200 to our re-INVITE (a2)', 'ACK'],
    ],
    hear('progress 183 with body', 'accepted', 'reaccepted with body'),
  ],
  [
    'after the answer UPDATE is answered as re-INVITE is',
    [['we INVITE (o)', 'INVITE (o)'], ['< 200 (a)', 'ACK'], ['< UPDATE (o2)'], ['we answer (a2)', '200 UPDATE (a2)']],
    hear('accepted with body', 'offered'),
  ],
  // ---- what has no place before the answer
  [
    're-INVITE before the answer: 500',
    [
      ['we INVITE (o)', 'INVITE (o)'],
      ['< 183 reliable (a)', 'PRACK'],
      ['< INVITE again (o2)', '500 INVITE'],
    ],
    hear('progress 183 with body'),
  ],
  [
    'BYE of who has not answered: 481',
    [['we INVITE (o)', 'INVITE (o)'], ['< 183'], ['< BYE', '481 BYE']],
    hear('progress 183'),
  ],
  [
    'BYE of the caller ends the call, whatever is under way',
    [
      ['< INVITE (o)'],
      ['we ring (a)', '183 INVITE (a)'],
      ['< PRACK', '200 PRACK'],
      ['< UPDATE (o2)'],
      ['< BYE', '200 BYE', '487 UPDATE', '487 INVITE'],
    ],
    hear('incoming', 'pracked', 'offered', 'ended bye peer'),
  ],
  [
    'so does CANCEL while the 200 waits for the PRACK',
    [['< INVITE (o)'], ['we ring (a)', '183 INVITE (a)'], ['we accept (a)'], ['< CANCEL', '200 CANCEL', '487 INVITE']],
    hear('incoming', 'ended cancelled peer 487'),
  ],
] as [string, [string, ...string[]][], string[]][])
  test(name, () => {
    const talk = new Conversation();
    for (const [step, ...expected] of conversation) assert.deepEqual(talk.say(step), expected, step);
    assert.deepEqual(talk.peer.events, events);
  });

test('an UPDATE from elsewhere moves where our requests go, until the 200 says where', () => {
  const talk = new Conversation();
  const steps = ['we INVITE (o)', '< 183 reliable (a)', '< UPDATE from elsewhere', 'we offer (o2)', '< 200', 'we end'];
  for (const step of steps) talk.say(step);
  const targets = ['PRACK', 'UPDATE', 'BYE'].map((method) => talk.ours.get(method)!.uri);
  assert.deepEqual(targets, ['sip:desk@127.66.0.10:5060', 'sip:desk@127.66.0.77', 'sip:desk@127.66.0.10:5060']);
});

test('a fork without end keeps its state within bounds', () => {
  const { peer } = new Conversation();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => sdp('o') }, 0));
  const invite = peer.request('INVITE');
  for (let i = 0; i < 100; i++) {
    peer.reply(invite, 183, {
      tag: `t${i}`,
      body: sdp('a'),
      headers: [
        ['Require', '100rel'],
        ['RSeq', '1'],
      ],
    });
  }
  assert.equal(peer.lines().length, 16);
  assert.equal(peer.ua.counts.dialogs, 16);
  peer.reply(invite, 200, { tag: 't99', body: sdp('a') });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.equal(peer.ua.counts.dialogs, 1);
});
