/** Calls whose keys DTLS agrees on, between a user agent and a media engine that only write down what they are told. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import { type CallOutput, Calls } from '../../src/call/index.ts';
import type { MediaEngine, MediaEvent, MediaStream, StreamConfig } from '../../src/media/types.ts';
import { makeIdentity } from '../../src/rtp/index.ts';
import { type Hop, parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import type { Body, Invitation, SessionEvent, UaOutput, UserAgentInterface } from '../../src/sip/ua/index.ts';
import { CountingRandom } from '../kit/random.ts';

const hop: Hop = {
  transport: 'udp',
  remote: { host: '127.0.0.9', port: 5060 },
  local: { host: '127.0.0.1', port: 5060 },
};
const identity = makeIdentity(randomBytes(12));
const tls = 'UDP/TLS/RTP/SAVP';
const fingerprint = `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => '0A').join(':')}`;

const body = (protocol: string, ...attributes: string[]): Body => ({
  contentType: 'application/sdp',
  bytes: Buffer.from(
    ['v=0', 'o=- 1 1 IN IP4 127.0.0.9', 's=-', 'c=IN IP4 127.0.0.9', 't=0 0', `m=audio 30000 ${protocol} 8`]
      .concat(attributes)
      .join('\r\n'),
  ),
});
const told = ({ bytes }: Body): string => {
  const text = Buffer.from(bytes).toString();
  const protocol = /m=audio \d+ (\S+)/.exec(text)?.[1];
  const [, setup] = /a=setup:(\S+)/.exec(text) ?? [];
  return [protocol, text.includes('a=fingerprint:') ? 'fingerprint' : 'none', ...(setup ? [setup] : [])].join(' ');
};

function bench(account?: string) {
  const said: string[] = [];
  const configured: (StreamConfig['dtls'] | 'plain')[] = [];
  const events: UaOutput[] = [];
  const note = (text: string): UaOutput[] => {
    said.push(text);
    return [];
  };
  const ua = {
    timeout: () => events.splice(0),
    invite: ({ body: offer }: Invitation) => note(`invite ${told(offer(hop, account)!)}`),
    accept: (_: string, answer: Body) => note(`200 ${told(answer)}`),
    answerOffer: (_: string, answer: Body) => note(`offer answered ${told(answer)}`),
    reject: (_: string, status: number) => note(`${status}`),
    reinvite: (_: string, offer: () => Body) => note(`reinvite ${told(offer())}`),
    end: () => note('end'),
  } as Partial<UserAgentInterface> as UserAgentInterface;
  const stream: MediaStream = {
    id: 'stream',
    local: { host: '127.0.0.1', port: 40_000 },
    begin: () => {},
    configure: ({ dtls }) => void configured.push(dtls ?? 'plain'),
    audible: () => {},
    say: () => {},
    sendDigits: () => {},
    record: () => {},
    close: () => {},
  };
  const media = { prepare: () => {}, open: () => stream } as Partial<MediaEngine> as MediaEngine;
  const config = {
    codecs: ['pcma'],
    packetMs: 20,
    encryption: { careful: 'required', plain: 'none' },
    keys: { careful: 'dtls' },
    identity: () => identity,
    secretBytes: (count: number) => new Uint8Array(count),
  } as const;
  const calls = new Calls(ua, media, config, new CountingRandom(), silentLogger);
  const happens = (event: SessionEvent): string[] => {
    events.push({ kind: 'session', session: 'c', event });
    return inputs(calls.timeout(0));
  };
  const noticed = (event: MediaEvent): string[] => inputs(calls.noticed(event, 0));
  return { calls, said, configured, happens, noticed };
}

const inputs = (outputs: readonly CallOutput[]): string[] =>
  outputs.map((output) => {
    if (output.kind !== 'terminal') return output.kind;
    const { input } = output;
    if (input.type === 'encrypted') return `encrypted ${input.by}`;
    return input.type === 'ended' ? `ended ${input.cause} by ${input.by}: ${input.reason}` : input.type;
  });

const invite = parseMessage(
  Buffer.from(
    'INVITE sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK1\r\nFrom: <sip:b@127.0.0.9>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:b@127.0.0.9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n',
  ),
) as SipRequest;

const secured: MediaEvent = { type: 'secured', stream: 'stream', suite: 'AEAD_AES_128_GCM', afterMs: 20 };

test('ours: offered, agreed on, told, held with the same words, shown', () => {
  const { calls, said, configured, happens, noticed } = bench('careful');
  calls.dial('c', 'sip:x@127.0.0.9', 0);
  const accepted = { account: 'careful', body: body(tls, fingerprint, 'a=setup:active', 'a=rtcp-mux') };
  assert.deepEqual(happens({ type: 'accepted', ...accepted } as SessionEvent), ['answered']);
  assert.equal(calls.encryption('c'), undefined);
  assert.deepEqual(noticed(secured), ['encrypted dtls-srtp AEAD_AES_128_GCM']);
  assert.equal(calls.encryption('c'), 'dtls-srtp');
  calls.hold('c', true, 0);
  assert.deepEqual(said, [`invite ${tls} fingerprint actpass`, `reinvite ${tls} fingerprint actpass`]);
  const [dtls] = configured;
  assert.ok(typeof dtls === 'object');
  assert.deepEqual([dtls.role, dtls.muxed, dtls.identity], ['server', true, identity]);
});

test('theirs: answered by whoever asks for nothing, and again in the same role', () => {
  const { calls, said, happens, noticed } = bench('plain');
  const offer = body(tls, fingerprint, 'a=setup:actpass');
  happens({ type: 'incoming', request: invite, hop, account: 'plain', offer } as SessionEvent);
  calls.answer('c', 'sendrecv', 0);
  noticed(secured);
  happens({ type: 'offered', offer } as SessionEvent);
  assert.deepEqual(said, [`200 ${tls} fingerprint active`, `offer answered ${tls} fingerprint active`]);
});

test('no handshake: the call is over, and says so; before the answer nothing is', () => {
  const { calls, happens, noticed, said } = bench('careful');
  const insecure: MediaEvent = { type: 'insecure', stream: 'stream', reason: 'no DTLS handshake within 6 s' };
  calls.dial('c', 'sip:x@127.0.0.9', 0);
  const answer = body(tls, fingerprint, 'a=setup:active');
  happens({ type: 'progress', status: 183, body: answer, branch: 'b' } as SessionEvent);
  assert.deepEqual(noticed(insecure), []);
  happens({ type: 'accepted', account: 'careful', body: answer, branch: 'b' } as SessionEvent);
  assert.deepEqual(noticed(insecure), [
    'ended failed by network: the sound cannot be encrypted: no DTLS handshake within 6 s',
  ]);
  assert.equal(said.at(-1), 'end');
});
