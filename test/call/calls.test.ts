/** Calls between a user agent and a media engine that only write down what they are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError, silentLogger } from '../../src/base/index.ts';
import { type CallOutput, Calls, type CallsConfig } from '../../src/call/index.ts';
import type { MediaEngine, MediaStream } from '../../src/media/types.ts';
import type { SrtpKeys } from '../../src/rtp/index.ts';
import { formatCrypto, parseCrypto } from '../../src/sdp/crypto.ts';
import type { CryptoLine } from '../../src/sdp/index.ts';
import { type Hop, parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import type { Body, Invitation, SessionEvent, UaOutput, UserAgentInterface } from '../../src/sip/ua/index.ts';
import { CountingRandom } from '../kit/random.ts';

const hop: Hop = {
  transport: 'udp',
  remote: { host: '127.0.0.9', port: 5060 },
  local: { host: '127.0.0.1', port: 5060 },
};

/** Everything that was asked of the user agent and the media engine, a line each. */
function bench(options: { noPorts?: boolean; account?: string; source?: CallsConfig['source'] } = {}) {
  const said: string[] = [];
  const events: UaOutput[] = [];
  const ua = {
    deadline: undefined,
    idle: true,
    timeout: () => events.splice(0),
    receive: () => events.splice(0),
    resolved: () => events.splice(0),
    transportChanged: () => [],
    transportFailed: () => [],
    refused: () => [],
    start: () => [],
    prepare: () => [],
    prepared: () => undefined,
    forget: () => {},
    stop: () => [],
    invite: (invitation: Invitation) => {
      const offer = media(invitation.body(hop, options.account)!);
      said.push(`invite ${invitation.target} ${offer}`);
      return [];
    },
    ring: (_: string, __: number, early?: { body?: Body }) => note(early?.body ? `180 ${media(early.body)}` : '180'),
    accept: (_: string, body: Body | undefined) => note(body ? `200 ${media(body)}` : '200'),
    reject: (_: string, status: number, reason: string) => note(`${status} ${reason}`),
    end: (_: string, __: number, reason?: string) => note(reason ? `end ${reason}` : 'end'),
    reinvite: (_: string, offer: () => Body) => note(`reinvite ${media(offer())}`),
    check: () => note('check'),
    inform: (_: string, bodies: readonly Body[]) =>
      note(
        `info ${bodies.map(({ bytes }) => Buffer.from(bytes).toString().trim().replaceAll('\r\n', ' ')).join(', ')}`,
      ),
    answerMessage: (message: string, status: number) => note(`${message} answered ${status}`),
    messagesWait: ({ fresh }: { fresh: number }) => note(`${fresh} messages wait`),
    answerOffer: (_: string, answer: Body | { status: number }) =>
      note('status' in answer ? `offer refused ${answer.status}` : `offer answered ${media(answer)}`),
    refer: (session: string, target: string) => note(`refer ${session} to ${target}`),
    declineReferral: (referral: string, status: number) => note(`decline ${referral} ${status}`),
  } satisfies UserAgentInterface;
  const note = (text: string): UaOutput[] => {
    said.push(text);
    return [];
  };
  const engine = {
    prepare: () => {},
    open: (host: string): MediaStream => {
      if (options.source) said.push(`open ${host}`);
      if (options.noPorts) throw new CodedError('media-ports', 'no RTP port is free');
      return {
        id: 'stream',
        local: { host, port: 40_000 },
        begin: () => {},
        configure: ({ direction, codec, remote, srtp, restart }) => {
          const keys = srtp === undefined ? '' : ` by ${keyOf(srtp.send)}, ${keyOf(srtp.receive)}`;
          said.push(
            `configure ${direction} ${codec.encoding} to ${remote.host}:${remote.port}${keys}${restart ? ' anew' : ''}`,
          );
        },
        audible: (speaker, microphone) => void said.push(`audible ${speaker} ${microphone}`),
        say: (samples, rateHz) => void said.push(`say ${samples.length} at ${rateHz}`),
        sendDigits: (digits) => void said.push(`digits ${digits}`),
        record: () => {},
        close: () => void said.push('close'),
      };
    },
  } as Partial<MediaEngine> as MediaEngine;
  let secrets = 0;
  const config: CallsConfig = {
    codecs: ['pcma', 'pcmu'],
    packetMs: 20,
    encryption: { careful: 'required', able: 'offered' },
    secretBytes: (count) => new Uint8Array(count).fill(++secrets),
    ...(options.source && { source: options.source }),
  };
  const calls = new Calls(ua, engine, config, new CountingRandom(), silentLogger);
  const happens = (event: SessionEvent): string[] => {
    events.push({ kind: 'session', session: 'c', event });
    return inputs(calls.timeout(0));
  };
  const registers = (account: string, state: 'registered' | 'failed' | 'refused'): void => {
    const refused = state === 'refused';
    events.push({
      kind: 'registration',
      account,
      state: refused ? 'failed' : state,
      reason: '',
      ...(refused && { status: 403 }),
    });
    calls.timeout(0);
  };
  return { calls, said, happens, registers };
}

function inputs(outputs: readonly CallOutput[]): string[] {
  return outputs.map((output) => {
    if (output.kind !== 'terminal') return output.kind;
    const { input } = output;
    switch (input.type) {
      case 'ended':
        return `ended ${input.cause} by ${input.by}: ${input.reason}`;
      case 'incoming':
        return `incoming ${input.caller.uri} from ${input.caller.sourceAddress}${input.asked ? ` asks by ${input.asked.header}` : ''}`;
      case 'digit':
        return `digit ${input.digit}`;
      default:
        return input.type;
    }
  });
}

/** Direction, codecs and port of the first m-line; with keys, which. */
function media(body: Body): string {
  const text = Buffer.from(body.bytes).toString();
  const [, port, protocol, formats] = /m=audio (\d+) RTP\/(S?AVP) ([\d ]+)/.exec(text) ?? [];
  const way = /a=(sendrecv|sendonly|recvonly|inactive)/.exec(text)?.[1];
  const keys = Array.from(text.matchAll(/a=crypto:(.*)\r/g), ([, value]) => parseCrypto(value) as CryptoLine);
  const told = keys.map(({ tag, keys }) => `${tag} ${keyOf(keys)}`).join(' ');
  return `${way} ${port}${protocol === 'SAVP' ? ' secure' : ''} (${formats})${told && ` ${told}`}`;
}

/** `AEAD_AES_256_GCM#3`: of a key that is one octet again and again. */
const keyOf = ({ suite, secret }: SrtpKeys): string => {
  assert.equal(new Set(secret).size, 1);
  return `${suite}#${secret[0]}`;
};

const sdp = (direction = 'sendrecv', formats = '8 0', port = 30_000, host = '127.0.0.9'): Body => ({
  contentType: 'application/sdp',
  bytes: Buffer.from(
    `v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP${host.includes(':') ? 6 : 4} ${host}\r\nt=0 0\r\nm=audio ${port} RTP/AVP ${formats}\r\na=${direction}\r\n`,
  ),
});

const invite = (...headers: string[]): SipRequest =>
  parseMessage(
    Buffer.from(
      `${[
        'INVITE sip:help@127.0.0.1 SIP/2.0',
        'Via: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK1',
        'From: "Desk" <sip:100@pbx.example.net:5070;user=phone>;tag=1',
        'To: <sip:help@127.0.0.1>',
        'Call-ID: 1',
        'CSeq: 1 INVITE',
        ...headers,
      ].join('\r\n')}\r\n\r\n`,
    ),
  ) as SipRequest;

const incoming = (offer: Body | undefined, ...headers: string[]): SessionEvent => ({
  type: 'incoming',
  request: invite(...headers),
  hop,
  offer,
});

test('a dialled call offers both ways, and talks when the terminal listens', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  assert.deepEqual(happens({ type: 'progress', status: 180, reason: 'Ringing' }), ['ringing']);
  assert.deepEqual(happens({ type: 'accepted', body: sdp() }), ['answered']);
  calls.listen('c', true);
  assert.deepEqual(said, [
    'invite sip:100@127.0.0.9 sendrecv 40000 (8 0 101)',
    'configure sendrecv PCMA to 127.0.0.9:30000',
    'audible false false',
    'audible true true',
  ]);
});

test('a 200 without an answer ends the call, and says why', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  assert.deepEqual(happens({ type: 'accepted' }), ['ended failed by us: the 200 had no SDP answer']);
  assert.deepEqual(said.slice(1), ['close', 'end']);
});

test('an answer that cannot be read ends the call', () => {
  const { calls, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  const broken = { contentType: 'application/sdp', bytes: Buffer.from('v=0\r\nnonsense\r\n') };
  assert.match(happens({ type: 'accepted', body: broken })[0]!, /^ended failed by us: /);
});

test('a page is answered recvonly, and no word of another room opens its microphone', () => {
  const { calls, said, happens } = bench();
  assert.deepEqual(happens(incoming(sdp(), 'Call-Info: <sip:x>;answer-after=0')), [
    'incoming sip:100@pbx.example.net from 127.0.0.9 asks by Call-Info answer-after',
  ]);
  assert.deepEqual(inputs(calls.answer('c', 'recvonly', 0)), ['answered']);
  calls.listen('c', true);
  assert.deepEqual(said, [
    'configure recvonly PCMA to 127.0.0.9:30000',
    'audible false false',
    '200 recvonly 40000 (8)',
    'audible true false',
  ]);
});

test('held, a call is mute both ways, and sounds again as before', () => {
  const { calls, said, happens } = bench();
  happens(incoming(sdp()));
  calls.answer('c', 'sendrecv', 0);
  calls.listen('c', true);
  said.length = 0;
  calls.hold('c', true, 0);
  calls.hold('c', false, 0);
  assert.deepEqual(said, [
    'audible false false',
    'reinvite sendonly 40000 (8)',
    'audible true true',
    'reinvite sendrecv 40000 (8)',
  ]);
});

test('an INVITE without an offer gets ours, and the ACK brings the answer', () => {
  const { calls, said, happens } = bench();
  happens(incoming(undefined));
  assert.deepEqual(inputs(calls.answer('c', 'sendrecv', 0)), ['answered']);
  happens({ type: 'confirmed', body: sdp('sendrecv', '0') });
  assert.deepEqual(said, [
    '200 sendrecv 40000 (8 0 101)',
    'configure sendrecv PCMU to 127.0.0.9:30000',
    'audible false false',
  ]);
});

test('an ACK without the answer that it owes ends the call: nobody listens to nothing for half an hour', () => {
  const { calls, said, happens } = bench();
  happens(incoming(undefined));
  calls.answer('c', 'recvonly', 0);
  assert.deepEqual(happens({ type: 'confirmed' }), ['ended failed by us: the ACK had no SDP answer']);
  assert.deepEqual(said.slice(-2), ['close', 'end']);
});

test('an ACK without an answer to the offer of a re-INVITE leaves the call as it was', () => {
  const { calls, happens } = bench();
  happens(incoming(sdp()));
  calls.answer('c', 'sendrecv', 0);
  assert.deepEqual(happens({ type: 'confirmed' }), []);
  happens({ type: 'offered' });
  assert.deepEqual(happens({ type: 'confirmed' }), []);
});

for (const [name, from, uri] of [
  ['a number of the telephone network is shown', '<tel:+4930123456>;tag=1', 'tel:+4930123456'],
  ['an IPv6 host keeps its brackets', '<sip:a@[2001:db8::7]:5070>;tag=1', 'sip:a@[2001:db8::7]'],
  ['no user', '<sip:127.0.0.9>;tag=1', 'sip:127.0.0.9'],
  ['an address as long as a datagram is cut', `<sip:${'a'.repeat(50_000)}@b>;tag=1`, `sip:${'a'.repeat(252)}…`],
] as const)
  test(`who calls: ${name}`, () => {
    const { happens } = bench();
    const event = incoming(sdp()) as Extract<SessionEvent, { type: 'incoming' }>;
    event.request.set('From', from);
    assert.deepEqual(happens(event), [`incoming ${uri} from 127.0.0.9`]);
  });

test('the other side holds: answered recvonly, and resumed', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  said.length = 0;
  assert.deepEqual(happens({ type: 'offered', offer: sdp('sendonly') }), ['waiting']);
  assert.deepEqual(happens({ type: 'offered', offer: sdp('inactive') }), []);
  assert.deepEqual(happens({ type: 'offered', offer: sdp('sendrecv') }), ['waiting']);
  assert.deepEqual(
    said.filter((line) => line.startsWith('offer')),
    ['offer answered recvonly 40000 (8)', 'offer answered inactive 40000 (8)', 'offer answered sendrecv 40000 (8)'],
  );
});

test('the other side ends the sound by port 0, and the call goes on until there is some again', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  calls.listen('c', true);
  said.length = 0;
  happens({ type: 'offered', offer: sdp('sendrecv', '8', 0) });
  happens({ type: 'refresh' });
  assert.deepEqual(happens({ type: 'reaccepted', body: sdp('sendrecv', '8', 0) }), []);
  happens({ type: 'offered', offer: undefined });
  happens({ type: 'confirmed', body: sdp() });
  assert.deepEqual(
    said.filter((line) => !line.startsWith('audible')),
    [
      'configure inactive PCMA to 0.0.0.0:30000',
      'offer answered undefined 0 (8)',
      'reinvite undefined 0 (8)',
      'configure inactive PCMA to 0.0.0.0:30000',
      'offer answered sendrecv 40000 (8 0 101)',
      'configure sendrecv PCMA to 127.0.0.9:30000',
    ],
  );
});

test('our re-INVITE is answered by port 0: no sound, and a call all the same; the first answer must have some', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  happens({ type: 'refresh' });
  assert.deepEqual(happens({ type: 'reaccepted', body: sdp('sendrecv', '8', 0) }), ['waiting']);
  assert.ok(said.includes('configure inactive PCMA to 0.0.0.0:30000'));
  const other = bench();
  other.calls.dial('c', 'sip:100@127.0.0.9', 0);
  other.happens({ type: 'progress', status: 183, reason: '', body: sdp(), branch: 'a' });
  const [ended] = other.happens({ type: 'accepted', body: sdp('sendrecv', '8', 0), branch: 'a' });
  assert.match(ended, /^ended failed by us: .*port 0/);
});

/** SIP goes by 127.0.0.1; what the system would choose towards each address. */
for (const [name, sources, host, expected] of [
  ['where SIP goes the sound goes', { '127.0.0.9': '127.0.0.1' }, '127.0.0.9', 'open 127.0.0.1'],
  [
    'sound on another network than SIP leaves from our address there',
    { '127.0.0.9': '127.0.0.1', '10.2.0.2': '10.2.0.1' },
    '10.2.0.2',
    'open 10.2.0.1',
  ],
  ['sound by IPv6, SIP by IPv4', { '127.0.0.9': '127.0.0.1', 'fd00::2': 'fd00::1' }, 'fd00::2', 'open fd00::1'],
  ['where no route leads it is tried as ever', { '127.0.0.9': '127.0.0.1' }, '10.2.0.2', 'open 127.0.0.1'],
  [
    'SIP bound to an address that the system would not choose: sound too',
    { '127.0.0.9': '127.0.0.2', '10.2.0.2': '10.2.0.1' },
    '10.2.0.2',
    'open 127.0.0.1',
  ],
  ['held from the start', { '127.0.0.9': '127.0.0.1', '0.0.0.0': '127.0.0.3' }, '0.0.0.0', 'open 127.0.0.1'],
] as [string, Record<string, string>, string, string][])
  test(name, () => {
    const { calls, said, happens } = bench({ source: (remote) => sources[remote] });
    happens(incoming(sdp('sendrecv', '8', 30_000, host)));
    calls.answer('c', 'sendrecv', 0);
    // A re-INVITE finds it there.
    happens({ type: 'confirmed' } as SessionEvent);
    happens({ type: 'offered', offer: sdp('sendonly', '8', 30_000, host) });
    assert.deepEqual(
      said.filter((line) => line.startsWith('open') || line === 'close'),
      [expected],
    );
  });

test('our address was another one when the call came: a re-INVITE is answered from the new one', () => {
  const { calls, said, happens } = bench({ source: () => undefined });
  happens(incoming(sdp()));
  calls.answer('c', 'sendrecv', 0);
  happens({ type: 'refresh', hop: { ...hop, local: { host: '127.0.0.77', port: 5060 } } });
  happens({ type: 'reaccepted', body: sdp() });
  happens({ type: 'offered', offer: sdp('sendonly') });
  assert.deepEqual(
    said.filter((line) => line.startsWith('open')),
    ['open 127.0.0.1', 'open 127.0.0.77'],
  );
});

test('an offer within a call that we cannot take leaves the call as it was', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  said.length = 0;
  happens({ type: 'offered', offer: sdp('sendrecv', '18') });
  happens({ type: 'offered', offer: { contentType: 'application/sdp', bytes: Buffer.from('v=1') } });
  assert.deepEqual(said, ['offer refused 488', 'offer refused 488']);
});

test('a session description that cannot be read is told, and why', () => {
  const { calls, happens } = bench();
  assert.deepEqual(happens(incoming({ contentType: 'application/sdp', bytes: Buffer.from('rubbish') })), ['stranger']);
  assert.deepEqual(calls.answer('c', 'sendrecv', 0), []);
});

for (const [name, offer, expected] of [
  ['no codec of ours: 488', sdp('sendrecv', '18'), '488 Not Acceptable Here'],
  [
    'a session description that cannot be read: 400 before anybody is asked',
    { contentType: 'application/sdp', bytes: Buffer.from('rubbish') },
    '400 Bad Session Description',
  ],
] as const)
  test(name, () => {
    const { calls, said, happens } = bench();
    happens(incoming(offer));
    calls.answer('c', 'sendrecv', 0);
    assert.equal(said.filter((line) => /^\d/.test(line)).join(), expected);
  });

test('without a port for sound a call is refused', () => {
  const { calls, said, happens } = bench({ noPorts: true });
  happens(incoming(sdp()));
  assert.deepEqual(inputs(calls.answer('c', 'sendrecv', 0)), ['ended failed by us: no RTP port is free']);
  assert.deepEqual(said, ['500 Server Internal Error']);
});

for (const [name, event, expected] of [
  ['a BYE', { type: 'ended', cause: 'bye', by: 'peer', reason: '' }, 'ended hangup by peer: '],
  [
    '486',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 486, reason: 'Busy Here' },
    'ended busy by peer: 486 Busy Here',
  ],
  [
    '480',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 480, reason: 'Away' },
    'ended no-answer by peer: 480 Away',
  ],
  [
    '603',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 603, reason: 'No' },
    'ended declined by peer: 603 No',
  ],
  [
    '404',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 404, reason: 'Who' },
    'ended unreachable by peer: 404 Who',
  ],
  [
    '503',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 503, reason: 'Down' },
    'ended unreachable by peer: 503 Down',
  ],
  [
    'silence',
    { type: 'ended', cause: 'timeout', by: 'network', reason: 'no answer' },
    'ended unreachable by network: no answer',
  ],
  [
    'a target that is no URI',
    { type: 'ended', cause: 'local', by: 'us', reason: 'Cannot parse URI "desk"' },
    'ended failed by us: Cannot parse URI "desk"',
  ],
  [
    'a reason as long as a datagram',
    { type: 'ended', cause: 'rejected', by: 'peer', status: 486, reason: 'x'.repeat(60_000) },
    `ended busy by peer: 486 ${'x'.repeat(252)}…`,
  ],
] as const)
  test(`a call ends: ${name}`, () => {
    const { calls, said, happens } = bench();
    calls.dial('c', 'sip:100@127.0.0.9', 0);
    assert.deepEqual(happens(event), [expected]);
    assert.equal(said.at(-1), 'close');
  });

test('a digit in RTP and a digit in INFO are the same to the terminal', () => {
  const { calls, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  assert.deepEqual(inputs(calls.noticed({ type: 'digit', stream: 'stream', digit: '5' }, 0)), ['digit 5']);
  for (const [type, body] of [
    ['application/dtmf-relay', 'Signal=#\r\nDuration=160\r\n'],
    ['application/dtmf', '#'],
  ]) {
    const request = invite(`Content-Type: ${type}`);
    request.body = Buffer.from(body!);
    assert.deepEqual(happens({ type: 'info', request }), ['digit #']);
  }
});

test('a body as long as a datagram is no digit, and takes no time', () => {
  const { calls, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  const request = invite('Content-Type: application/dtmf-relay');
  request.body = Buffer.from(`${'\n'.repeat(60_000)}Signal=5`);
  const begin = performance.now();
  assert.deepEqual(happens({ type: 'info', request }), []);
  assert.ok(performance.now() - begin < 250);
});

test('half a minute without a packet is a lost call', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp(), account: 'pbx' });
  assert.deepEqual(inputs(calls.noticed({ type: 'silent', stream: 'stream', silentMs: 10_000 }, 0)), []);
  assert.deepEqual(inputs(calls.noticed({ type: 'silent', stream: 'stream', silentMs: 30_000 }, 0)), [
    'ended media-lost by network: no sound came for 30 s',
  ]);
  assert.deepEqual(said.slice(-2), ['close', 'end']);
});

test('ten seconds without a packet of a telephone without a PBX: it is asked whether it is there, every ten seconds', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  said.length = 0;
  for (const at of [5_000, 10_000, 15_000, 20_000])
    assert.deepEqual(calls.noticed({ type: 'silent', stream: 'stream', silentMs: at }, at), []);
  assert.deepEqual(said, ['check', 'check']);
  assert.deepEqual(happens({ type: 'refresh' }), []);
  assert.match(said[2], /^reinvite sendrecv/);
  const ending = { type: 'ended', cause: 'timeout', by: 'network', reason: 'no sign of life for 4 s' } as const;
  assert.deepEqual(happens(ending), ['ended media-lost by network: no sound came, and no sign of life for 4 s']);
});

test('our address is another one: what is said leaves from there, and the other side is offered it', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  said.length = 0;
  const there: Hop = { ...hop, local: { host: '127.0.0.77', port: 5060 } };
  assert.deepEqual(happens({ type: 'refresh', hop: there }), []);
  assert.equal(said[0], 'close');
  assert.match(said[1], /^reinvite sendrecv/);
  happens({ type: 'reaccepted', body: sdp() });
  assert.match(said[2], /^configure sendrecv /);
});

test('so is a PBX that holds us, however long it plays no music', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp(), account: 'pbx' });
  happens({ type: 'offered', offer: sdp('sendonly') });
  assert.deepEqual(calls.noticed({ type: 'silent', stream: 'stream', silentMs: 30_000 }, 30_000), []);
  assert.equal(said.at(-1), 'check');
});

for (const [name, state, ms, lost] of [
  ['ten seconds without a packet, and its server is gone: lost', 'failed', 10_000, true],
  ['five seconds are not enough', 'failed', 5_000, false],
  ['its server turns us away, but is there', 'refused', 10_000, false],
  ['its server is back: somebody has closed his microphone', 'registered', 10_000, false],
] as const)
  test(name, () => {
    const { calls, happens, registers } = bench();
    calls.dial('c', 'sip:100@127.0.0.9', 0);
    happens({ type: 'accepted', body: sdp(), account: 'pbx' });
    registers('pbx', 'failed');
    registers('pbx', state);
    assert.equal(calls.noticed({ type: 'silent', stream: 'stream', silentMs: ms }, 0).length > 0, lost);
  });

test('a call without any PBX does not mind that the PBX is gone', () => {
  const { calls, happens, registers } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens({ type: 'accepted', body: sdp() });
  registers('pbx', 'failed');
  assert.deepEqual(calls.noticed({ type: 'silent', stream: 'stream', silentMs: 10_000 }, 0), []);
});

test('the loser of a parallel ring is told that somebody else took the call', () => {
  const { calls, said } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  calls.hangup('c', 'cancelled', 0);
  assert.equal(said.at(-1), 'end SIP;cause=200;text="Call completed elsewhere"');
});

// ---------------------------------------------------------------- encryption

const cm = 'AES_CM_128_HMAC_SHA1_80';
const theirs = { suite: cm, secret: new Uint8Array(30).fill(99) } as const;
const secureSdp = (tag: number, protocol = 'SAVP', direction = 'sendrecv'): Body => {
  const text = Buffer.from(sdp(direction).bytes).toString().replace('RTP/AVP', `RTP/${protocol}`);
  return { ...sdp(), bytes: Buffer.from(`${text}a=crypto:${formatCrypto(tag, theirs).value}\r\n`) };
};

test('an account that requires encryption: all suites with a key each, and nothing but the one agreed on', () => {
  const { calls, said, happens } = bench({ account: 'careful' });
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  assert.deepEqual(happens({ type: 'accepted', account: 'careful', body: secureSdp(4) }), ['answered']);
  assert.deepEqual(said.slice(0, 2), [
    'invite sip:100@127.0.0.9 sendrecv 40000 secure (8 0 101) 1 AEAD_AES_256_GCM#1 2 AES_256_CM_HMAC_SHA1_80#2 ' +
      '3 AEAD_AES_128_GCM#3 4 AES_CM_128_HMAC_SHA1_80#4 5 AES_CM_128_HMAC_SHA1_32#5',
    `configure sendrecv PCMA to 127.0.0.9:30000 by ${cm}#4, ${cm}#99`,
  ]);
});

test('required, but answered in the clear: the call ends, and says why', () => {
  const { calls, said, happens } = bench({ account: 'careful' });
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  assert.deepEqual(happens({ type: 'accepted', account: 'careful', body: sdp() }), [
    'ended failed by us: RTP/SAVP was offered, RTP/AVP answered',
  ]);
  assert.deepEqual(said.slice(1), ['close', 'end']);
});

test('required, but offered in the clear: 488, and nothing is heard', () => {
  const { calls, said, happens } = bench();
  happens({ ...incoming(sdp()), account: 'careful' } as SessionEvent);
  assert.deepEqual(inputs(calls.answer('c', 'sendrecv', 0)), [
    'ended failed by us: audio: RTP/AVP is not encrypted, and encryption is required: there is no a=crypto',
  ]);
  assert.deepEqual(said, ['close', '488 Not Acceptable Here']);
});

test('required, and a re-INVITE wants to go on in the clear: refused, the call stays as it is', () => {
  const { calls, said, happens } = bench();
  happens({ ...incoming(secureSdp(1)), account: 'careful' } as SessionEvent);
  calls.answer('c', 'sendrecv', 0);
  said.length = 0;
  assert.deepEqual(happens({ type: 'offered', offer: sdp() }), []);
  assert.deepEqual(said, ['offer refused 488']);
});

test('offered: encrypted with who can, plain with who cannot', () => {
  for (const [answer, expected] of [
    [sdp(), 'configure sendrecv PCMA to 127.0.0.9:30000'],
    [secureSdp(4, 'AVP'), `configure sendrecv PCMA to 127.0.0.9:30000 by ${cm}#4, ${cm}#99`],
  ] as const) {
    const { calls, said, happens } = bench({ account: 'able' });
    calls.dial('c', 'sip:100@127.0.0.9', 0);
    assert.match(said[0], /sendrecv 40000 \(8 0 101\) 1 AEAD/);
    assert.deepEqual(happens({ type: 'accepted', account: 'able', body: answer }), ['answered']);
    assert.equal(said[1], expected);
  }
});

test('a caller of no account who encrypts is answered encrypted; hold and resume keep the keys', () => {
  const { calls, said, happens } = bench();
  happens(incoming(secureSdp(7)));
  calls.answer('c', 'sendrecv', 0);
  happens({ type: 'offered', offer: secureSdp(7, 'SAVP', 'sendonly') });
  happens({ type: 'offered', offer: secureSdp(8) });
  const keys = `by ${cm}#1, ${cm}#99`;
  assert.deepEqual(
    said.filter((line) => !line.startsWith('audible')),
    [
      `configure sendrecv PCMA to 127.0.0.9:30000 ${keys}`,
      `200 sendrecv 40000 secure (8) 7 ${cm}#1`,
      `configure recvonly PCMA to 127.0.0.9:30000 ${keys}`,
      `offer answered recvonly 40000 secure (8) 7 ${cm}#1`,
      `configure sendrecv PCMA to 127.0.0.9:30000 ${keys}`,
      `offer answered sendrecv 40000 secure (8) 8 ${cm}#1`,
    ],
  );
});

test('from encrypted to plain and back: never the old key again', () => {
  const { calls, said, happens } = bench();
  happens(incoming(secureSdp(1)));
  calls.answer('c', 'sendrecv', 0);
  happens({ type: 'offered', offer: sdp() });
  happens({ type: 'offered', offer: secureSdp(1) });
  assert.equal(said.at(-2), 'audible false false');
  assert.match(said.at(-1)!, /1 AES_CM_128_HMAC_SHA1_80#2$/);
});

// ---------------------------------------------------------------- before the answer: RFC 3960, RFC 3262

const progress = (branch: string, body?: Body): SessionEvent => ({
  type: 'progress',
  status: 183,
  reason: 'Session Progress',
  branch,
  body,
});

test('early sound is heard when packets come, not when it is announced; the microphone stays closed', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  assert.deepEqual(happens(progress('a', sdp())), ['ringing']);
  assert.deepEqual(inputs(calls.noticed({ type: 'first-packet', stream: 'stream' }, 0)), ['early']);
  calls.listen('c', true);
  assert.deepEqual(said.slice(1), [
    'configure sendrecv PCMA to 127.0.0.9:30000',
    'audible false false',
    'audible true false',
  ]);
});

test('who answers after early sound is mute until it is the one that talks', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens(progress('a', sdp()));
  calls.noticed({ type: 'first-packet', stream: 'stream' }, 0);
  calls.listen('c', false);
  assert.deepEqual(happens({ type: 'accepted', body: sdp(), branch: 'a' }), ['answered']);
  assert.equal(said.at(-1), 'audible false false');
  calls.listen('c', true);
  assert.equal(said.at(-1), 'audible true true');
});

for (const [sentence, answer, branch, expected] of [
  [
    'the 200 says nothing: what its branch said before stands',
    undefined,
    'a',
    'configure sendrecv PCMA to 127.0.0.9:1000 anew',
  ],
  [
    'another branch answers: its sound takes the place',
    undefined,
    'b',
    'configure sendrecv PCMU to 127.0.0.9:2000 anew',
  ],
  [
    'the 200 says something else: that holds',
    sdp('sendrecv', '8', 3000),
    'a',
    'configure sendrecv PCMA to 127.0.0.9:3000 anew',
  ],
  [
    'a branch that was silent answers',
    sdp('sendrecv', '0', 4000),
    'c',
    'configure sendrecv PCMU to 127.0.0.9:4000 anew',
  ],
] as const)
  test(`a fork, and ${sentence}`, () => {
    const { calls, said, happens } = bench();
    calls.dial('c', 'sip:100@127.0.0.9', 0);
    happens(progress('a', sdp('sendrecv', '8', 1000)));
    happens(progress('b', sdp('sendrecv', '0', 2000)));
    // The latest is what is heard.
    assert.equal(said.at(-2), 'configure sendrecv PCMU to 127.0.0.9:2000');
    assert.deepEqual(happens({ type: 'accepted', body: answer, branch }), ['answered']);
    assert.equal(said.at(-2), expected);
  });

test('an early answer that is no good is not heard, and the call goes on', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  const broken = { contentType: 'application/sdp', bytes: Buffer.from('v=0\r\nnonsense\r\n') };
  assert.deepEqual(happens(progress('a', broken)), ['ringing']);
  assert.deepEqual(happens(progress('a', sdp('sendrecv', '18'))), ['ringing']);
  assert.equal(said.length, 1);
  assert.deepEqual(happens({ type: 'accepted', body: sdp(), branch: 'a' }), ['answered']);
});

test('before the answer silence ends nothing, but our own ringback is wanted again', () => {
  const { calls, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens(progress('a', sdp()));
  const silent = { type: 'silent', stream: 'stream', silentMs: 40_000 } as const;
  assert.deepEqual(inputs(calls.noticed(silent, 0)), []);
  calls.noticed({ type: 'first-packet', stream: 'stream' }, 0);
  assert.deepEqual(calls.noticed(silent, 0), [{ kind: 'terminal', input: { type: 'early', call: 'c', on: false } }]);
});

test('an UPDATE before the answer is answered, and stands when its branch takes the call', () => {
  const { calls, said, happens } = bench();
  calls.dial('c', 'sip:100@127.0.0.9', 0);
  happens(progress('a', sdp('sendrecv', '8', 1000)));
  happens({ type: 'offered', offer: sdp('sendrecv', '0', 2000), branch: 'a' });
  assert.equal(said.at(-1), 'offer answered sendrecv 40000 (0)');
  assert.deepEqual(happens({ type: 'accepted', branch: 'a' }), ['answered']);
  assert.equal(said.at(-2), 'configure sendrecv PCMU to 127.0.0.9:2000');
});

test('a caller without offer that wants a reliable 180: our offer in it, the answer in the PRACK, a bare 200', () => {
  const { calls, said, happens } = bench();
  happens(incoming(undefined, 'Require: 100rel'));
  calls.alert('c', 0);
  happens({ type: 'pracked', body: sdp() });
  calls.answer('c', 'recvonly', 0);
  assert.deepEqual(happens({ type: 'confirmed' }), []);
  calls.listen('c', true);
  assert.deepEqual(said, [
    '180 sendrecv 40000 (8 0 101)',
    'configure sendrecv PCMA to 127.0.0.9:30000',
    'audible false false',
    'audible false false',
    '200',
    'audible true false',
  ]);
});

test('one with an offer gets its answer with the 200', () => {
  const { calls, said, happens } = bench();
  happens(incoming(sdp(), 'Require: 100rel'));
  calls.alert('c', 0);
  calls.answer('c', 'sendrecv', 0);
  assert.equal(said[0], '180');
  assert.match(said.at(-1)!, /^200 sendrecv/);
});
