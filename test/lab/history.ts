/** Histories by dice of everything that can be said to a user agent: well-formed, odd and hostile, in whatever order. */
import assert from 'node:assert/strict';
import {
  createRequest,
  createResponse,
  formatMessage,
  type Hop,
  parseMessage,
  type SipMessage,
  type SipRequest,
  SipSyntaxError,
  validate,
} from '../../src/sip/message/index.ts';
import type { Body, UaConfig } from '../../src/sip/ua/index.ts';
import { ACCOUNT, answer, hopTo, offer, type Peer, SERVER } from '../sip/ua/peer.ts';

/** Nobody knows who is there. */
export const STRANGER = '127.66.0.66';

const NUMBERS = ['0', '1', '29', '89', '90', '1800', '4294967295', '4294967296', '-1', '9'.repeat(40), '', 'x', '1;2'];
const TAGS = [
  'INVITE, ACK, UPDATE, BYE',
  '"INVITE',
  'INVITE, "UPDATE, <',
  ',,,',
  '',
  '100rel',
  'timer',
  'replaces, timer',
];
const URIS = [
  '<sip:desk@127.66.0.10:5060>',
  '<sip:desk@127.66.0.66>',
  '<sip:desk@unknown.example>',
  '<sip:desk@mute.example;transport=tcp>',
  '<sips:desk@127.66.0.10>',
  '<sip:1001@127.66.0.1:5060>',
  '<sip:all@224.0.1.75>',
  '<sip:x@255.255.255.255:0>',
  '<sip:x@127.66.0.10:99999>',
  '<tel:+15551234>',
  '<sip:%00%0d%0a@127.66.0.10;method=BYE?X-Smuggled=1>',
  '<sip:a@127.66.0.10?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2%0D%0AX-Smuggled%3A%201>',
  '"a\\"\\\r\n X-Smuggled: 1" <sip:a@127.66.0.10>;tag=1;q=9',
  '<sip:a@[::1]>;q=0.5, <sip:b@127.66.0.10>;expires=4294967295',
  '*',
  '<sip:',
  '',
  `<sip:${'a'.repeat(4_000)}@127.66.0.10>`,
];

/** Header fields that somebody reads here, and values for each. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Contact: URIS,
  'Record-Route': [...URIS, '<sip:127.66.0.10;lr>', '<sip:127.66.0.10;lr>, <sip:other.example>'],
  Route: URIS,
  'Refer-To': URIS,
  'Referred-By': [...URIS, '"\r\nX-Smuggled: 1" <sip:a@b>'],
  'Service-Route': ['<sip:127.66.0.10;lr>', '<sip:', '*'],
  Allow: TAGS,
  Supported: TAGS,
  Require: [...TAGS, '100rel', '100rel', 'gruu', 'outbound'],
  Expires: NUMBERS,
  'Min-Expires': NUMBERS,
  'Session-Expires': [...NUMBERS, '90;refresher=uac', '1800;refresher=uas', '91;refresher=x'],
  'Min-SE': NUMBERS,
  'Retry-After': [...NUMBERS, '5 (a note);duration=9'],
  'Flow-Timer': NUMBERS,
  RSeq: NUMBERS,
  RAck: ['1 1 INVITE', '4294967295 4294967295 INVITE', 'x', ''],
  Event: [
    'refer',
    'refer;id=2',
    'dialog',
    'reg',
    'presence',
    'talk',
    'hold',
    'check-sync',
    'message-summary',
    '',
    ';;',
  ],
  'Subscription-State': [
    'active;expires=0',
    'terminated;reason=deactivated',
    'pending',
    '',
    'active;expires=4294967295',
  ],
  'Refer-Sub': ['false', 'true', '"'],
  Replaces: ['call-1;to-tag=a;from-tag=b', ';;', 'x;to-tag=0;from-tag=0;early-only', '"'],
  'SIP-ETag': ['e1', '', 'x\ty'],
  'Answer-Mode': ['Auto;require', 'Manual', '"'],
  'Call-Info': ['<sip:x>;answer-after=0', '"<', ';answer-after=99999999999'],
  Reason: ['SIP;cause=200;text="x"', '"', 'x\r\n X-Smuggled: 1'],
  'WWW-Authenticate': [
    'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"',
    'Digest realm="r", nonce="m", algorithm=SHA-256, qop="auth,auth-int", stale=true',
    'Digest realm="',
    'Digest',
    'Basic realm="r"',
    'Digest realm="r\r\n X-Smuggled: 1", nonce="\\""',
  ],
  'Content-Type': [
    'application/sdp',
    'multipart/mixed;boundary=a',
    'multipart/mixed',
    'message/sipfrag',
    '"',
    'text/plain',
  ],
  'Content-Disposition': ['session', 'render;handling=optional', '"'],
  'Content-Encoding': ['gzip', 'identity', ''],
  Accept: ['application/sdp', 'text/plain', '"', ''],
};
const METHODS = [
  ...['INVITE', 'INVITE', 'INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'REFER', 'NOTIFY'],
  ...['SUBSCRIBE', 'MESSAGE', 'PUBLISH', 'REGISTER', 'FOO'],
];
const STATUSES = [
  ...[
    100, 180, 183, 183, 199, 200, 200, 200, 200, 202, 299, 300, 301, 302, 305, 400, 401, 403, 404, 407, 408, 412, 420,
    421,
  ],
  ...[422, 423, 439, 481, 486, 487, 489, 491, 500, 503, 504, 600, 603, 699],
];
export const TARGETS = [
  'sip:100@127.66.0.10',
  'sip:100@127.66.0.20',
  'sips:100@127.66.0.10',
  'sip:100@mute.example',
  'sip:100@unknown.example',
];

const TRUST: NonNullable<UaConfig['trust']> = {
  knows: (address) => address !== STRANGER,
  challenges: (from) => from.includes('asked'),
  strangers: 'refuse',
  realm: 'help-07',
  users: new Map([['asked', 'pw']]),
};

export const configOf = (trust: boolean): UaConfig => ({
  accounts: [
    { ...ACCOUNT, presence: true, watchRegistration: true },
    { ...ACCOUNT, name: 'second', address: 'sip:2@127.66.0.20', servers: [], register: 'all' },
  ],
  product: 'Hailpoint/test',
  user: 'help-07',
  displayName: '',
  instance: '00000000-0000-4000-8000-000000000000',
  ...(trust && { trust: TRUST }),
  mayWatch: () => true,
});

interface Known {
  callId: string;
  /** From and To as a request of the other side has them. */
  from: string;
  to: string;
  /** Of the INVITE: an ACK repeats it. */
  sequence: number;
}

export class History<P extends Peer = Peer> {
  readonly peer: P;
  readonly #roll: () => number;
  readonly #asked: { request: SipRequest; hop: Hop }[] = [];
  readonly #dialogs: Known[] = [];
  readonly #invites: SipRequest[] = [];
  readonly #transactions: string[] = [];
  count = 0;
  #looked = 0;

  /** The bodies that are said: none, offers, answers. */
  readonly #bodies: readonly (Body | undefined)[];
  readonly #owner: (history: History<P>) => string;

  /** `owner`: does one thing that the owner of the user agent may wish, and says what. */
  constructor(
    roll: () => number,
    peer: P,
    owner: (history: History<P>) => string,
    bodies: readonly (Body | undefined)[] = [undefined, undefined, offer, answer],
  ) {
    this.#roll = roll;
    this.peer = peer;
    this.#owner = owner;
    this.#bodies = bodies;
    peer.unknown.add('unknown.example');
    peer.mute.add('mute.example');
    peer.do(peer.ua.start(0));
  }

  pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.#roll() * all.length)];
  }

  /** 0 .. 1 */
  roll(): number {
    return this.#roll();
  }

  chance(share: number): boolean {
    return this.#roll() < share;
  }

  /** Alarms that are due lead somewhere: each is gone after a few rounds. */
  settle(where: string): void {
    const { peer } = this;
    for (let round = 0; (peer.ua.deadline ?? Number.POSITIVE_INFINITY) <= peer.now; round++) {
      assert.ok(round < 50, `${where}: an alarm of ${peer.ua.deadline} is still there at ${peer.now}`);
      peer.do(peer.ua.timeout(peer.now));
    }
    this.#look(where);
  }

  pass(ms: number, where: string): void {
    const { peer } = this;
    const until = peer.now + ms;
    for (let rounds = 0; (peer.ua.deadline ?? Number.POSITIVE_INFINITY) <= until; rounds++) {
      assert.ok(rounds < 20 * ms + 1_000, `${where}: it never sleeps`);
      peer.now = Math.max(peer.now, peer.ua.deadline!);
      this.settle(where);
    }
    peer.now = until;
  }

  /** What was sent: remembered, to be answered later. */
  #look(where: string): void {
    for (const { message, hop, transaction } of this.peer.sent) {
      for (const [name] of message.lines()) assert.notEqual(name.toLowerCase(), 'x-smuggled', where);
      if (message.kind === 'request') {
        if (message.method !== 'ACK') this.#asked.push({ request: message, hop: { ...hop } });
        if (transaction !== undefined) this.#transactions.push(transaction);
      } else if (message.toTag !== undefined && message.status < 300) {
        const { sequence, method } = message.cseq;
        const known = { callId: message.callId, from: message.header('From')!, to: message.header('To')!, sequence };
        if (method === 'INVITE' || method === 'SUBSCRIBE' || method === 'REFER') this.#dialogs.push(known);
      }
    }
    this.peer.sent = [];
    for (const all of [this.#asked, this.#dialogs, this.#invites, this.#transactions]) all.splice(0, all.length - 24);
  }

  get #fields(): [string, string][] {
    const names = Object.keys(FIELDS);
    const fields: [string, string][] = [];
    while (this.chance(0.6)) {
      const name = this.pick(names);
      fields.push([name, this.pick(FIELDS[name])]);
    }
    return fields;
  }

  get body(): Body | undefined {
    return this.pick(this.#bodies);
  }

  get #hop() {
    return hopTo(this.pick([SERVER.host, SERVER.host, SERVER.host, '127.66.0.20', STRANGER]));
  }

  /** One step of anybody. */
  step(): string {
    const what = this.pick([
      'answer',
      'answer',
      'answer',
      'ask',
      'ask',
      'inside',
      'inside',
      'owner',
      'owner',
      'owner',
      'time',
      'below',
    ]);
    try {
      switch (what) {
        case 'answer':
          return this.#answer();
        case 'ask':
          return this.#ask();
        case 'inside':
          return this.#inside();
        case 'owner':
          return this.#owner(this);
        case 'below':
          return this.#below();
        default:
          this.pass(this.pick([1, 50, 500, 500, 2_000, 2_000, 6_000, 33_000, 100_000]) * this.#roll(), 'time');
          return 'time';
      }
    } catch (error) {
      // Only of what this test wrote by itself and could not be parsed: the edge drops it, or answers 400.
      if (
        error instanceof SipSyntaxError &&
        /parseMessage/.test(error.stack ?? '') &&
        /peer\.ts|anything/.test(error.stack ?? '') &&
        !/user-agent/.test(error.stack ?? '')
      )
        return `${what}, unreadable`;
      throw error;
    }
  }

  #answer(): string {
    const asked = this.chance(0.6) ? this.#asked.at(-1) : this.pick(this.#asked);
    if (asked === undefined) return 'nothing';
    const { request, hop } = asked;
    const status = this.chance(0.6) ? this.pick([180, 183, 200, 200]) : this.pick(STATUSES);
    const tame = this.chance(0.6);
    const response = createResponse(request, status, undefined, {
      headers: [['Contact', '<sip:desk@127.66.0.10:5060>'], ...(tame ? [] : this.#fields)],
      ...(this.chance(0.7) && { body: this.#bodies.at(-1)?.bytes }),
      toTag: tame ? 'peer' : this.pick(['peer', 'fork', `t${this.count++}`]),
    });
    if ((tame || this.chance(0.5)) && !response.has('Content-Type')) response.set('Content-Type', 'application/sdp');
    if (status < 200 && this.chance(0.4)) response.add('Require', '100rel').add('RSeq', String(++this.count));
    if (status === 200 && this.chance(0.4)) response.set('Allow', 'INVITE, ACK, BYE, UPDATE');
    this.peer.receive(response, this.chance(0.9) ? hop : this.#hop);
    return `${status} ${request.method}`;
  }

  #ask(): string {
    const method = this.pick(METHODS);
    const from = this.pick([
      '<sip:desk@127.66.0.10>;tag=peer',
      '<sip:asked@127.66.0.30>;tag=p',
      '"\\"" <sip:x@y>;tag=q',
      '<sip:x@y>',
    ]);
    const earlier = this.pick(this.#invites);
    if ((method === 'CANCEL' || method === 'ACK') && earlier !== undefined) {
      const lines = earlier.lines().filter(([name]) => name !== 'CSeq' && name !== 'Content-Type');
      const headers: [string, string][] = [...lines, ['CSeq', `${earlier.cseq.sequence} ${method}`]];
      const like = createRequest({ method, uri: earlier.uri, headers });
      this.peer.receive(like, this.#hop);
      return `${method} of an INVITE`;
    }
    const headers = this.chance(0.5) ? [] : this.#fields;
    const contact = this.chance(0.2) ? this.pick(URIS) : undefined;
    const request = this.peer.ask(method, {
      callId: `c${this.count++}`,
      from,
      headers,
      contact,
      body: this.body,
      hop: this.#hop,
    });
    if (method === 'INVITE') this.#invites.push(request);
    return method;
  }

  #inside(): string {
    const method = this.chance(0.3) ? 'ACK' : this.pick(METHODS);
    const sent = this.pick(this.#asked)?.request;
    const known = this.chance(0.6) || sent === undefined ? this.pick(this.#dialogs) : undefined;
    if (known === undefined && sent === undefined) return 'nothing';
    const {
      callId,
      from,
      to,
      sequence: invited,
    } = known ?? {
      sequence: 1,
      callId: sent.callId,
      from: `${sent.header('To')!.replace(/;tag=.*/, '')};tag=peer`,
      to: sent.header('From')!,
    };
    const odd = this.chance(0.05) ? this.pick([0, 1, 2 ** 31, 2 ** 32 - 1]) : undefined;
    const sequence = method === 'ACK' ? invited : odd;
    const headers = this.chance(0.5) ? [] : this.#fields;
    if (method === 'PRACK' && this.chance(0.5)) headers.push(['RAck', '1 1 INVITE']);
    if (method === 'REFER' && this.chance(0.7)) headers.push(['Refer-To', '<sip:100@127.66.0.10>']);
    this.peer.ask(method, { callId, from, to, sequence, headers, body: this.body, hop: this.#hop });
    return `${method} inside`;
  }

  #below(): string {
    const { peer } = this;
    const transaction = this.pick(this.#transactions);
    if (transaction !== undefined && this.chance(0.3)) peer.do(peer.ua.refused(transaction, peer.now));
    else if (transaction !== undefined && this.chance(0.6))
      peer.do(peer.ua.transportFailed(transaction, 'ECONNREFUSED', peer.now));
    else peer.do(peer.ua.transportChanged(this.pick([{ kind: 'network' }, { kind: 'flow', flow: 'f1' }]), peer.now));
    return 'below';
  }

  /** Every session has had its last word, once. */
  ended(where: string): void {
    const ends = new Map<string, number>();
    for (const { session, event } of this.peer.sessions.slice(this.#looked))
      if (event.type === 'ended') ends.set(session, (ends.get(session) ?? 0) + 1);
    for (const [session, count] of ends) assert.equal(count, 1, `${where}: ${session} ended ${count} times`);
    for (const { session, event } of this.peer.sessions)
      if (event.type === 'incoming' || (event.type === 'progress' && !session.startsWith('in-')))
        assert.ok(ends.has(session), `${where}: ${session} never ended`);
  }
}

const BAD_OCTETS = [0, 9, 10, 13, 32, 34, 44, 58, 59, 60, 61, 62, 64, 92, 127, 200, 255];

/** Octets are changed, doubled, lost or cut off, once to three times. */
export function damage(bytes: Uint8Array, roll: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(roll() * limit);
  for (let left = 1 + below(3); left > 0 && bytes.length > 0; left--) {
    const at = below(bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
    const pieces = [
      [before, [BAD_OCTETS[below(BAD_OCTETS.length)]], after],
      [before, bytes.subarray(Math.max(0, at - 1 - below(40)))],
      [before, after.subarray(below(40))],
      [before],
    ][below(4)];
    bytes = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  }
  return bytes;
}

/** Of what is said to `peer` from now on every third message is damaged on its way; what can be read, the edge passes on. */
export function damaged(peer: Peer, roll: () => number): void {
  peer.receive = (message: SipMessage, from: Hop = hopTo(SERVER.host)) => {
    const bytes = formatMessage(message);
    let read: SipMessage;
    try {
      read = parseMessage(roll() < 1 / 3 ? damage(bytes, roll) : bytes);
      validate(read);
    } catch (error) {
      if (error instanceof SipSyntaxError) return peer;
      throw error;
    }
    return peer.do(peer.ua.receive(read, from, peer.now));
  };
}
