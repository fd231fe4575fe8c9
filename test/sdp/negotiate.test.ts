import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  formatSdp,
  type LocalMedia,
  type Negotiated,
  parseSdp,
} from '../../src/sdp/index.ts';

const us: LocalMedia = {
  address: { host: '127.0.8.1', port: 20000 },
  codecs: ['pcma', 'pcmu'],
  direction: 'sendrecv',
  packetMs: 20,
  dtmf: true,
  sessionId: 42,
  version: 1,
};
const page: LocalMedia = { ...us, direction: 'recvonly' };

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../test/fixtures/sdp/${name}.sdp`, import.meta.url), 'latin1');

/** `sendrecv PCMA/8 to 1.2.3.4:5 20ms dtmf 101` */
function told(stream: Negotiated): string {
  const { direction, codec, remote, remoteRtcp, packetMs, dtmfPayloadType, heldByPeer } = stream;
  const words = [direction, `${codec.encoding}/${codec.payloadType}`, 'to', `${remote.host}:${remote.port}`];
  if (remoteRtcp !== undefined) words.push(`rtcp ${remoteRtcp.host}:${remoteRtcp.port}`);
  words.push(`${packetMs}ms`);
  if (dtmfPayloadType !== undefined) words.push(`dtmf ${dtmfPayloadType}`);
  if (heldByPeer) words.push('held');
  return words.join(' ');
}

/** The answer's m-lines and direction, and what we make of it. */
function answered(text: string, local: LocalMedia): string {
  const offer = parseSdp(text);
  const result = answerOffer(offer, local);
  if ('refused' in result) return `refused: ${result.refused}`;
  const answer = parseSdp(formatSdp(result.answer));
  assert.equal(answer.media.length, offer.media.length, 'every m-line is answered');
  for (const [index, medium] of answer.media.entries()) {
    assert.equal(medium.kind, offer.media[index].kind);
    assert.equal(medium.protocol, offer.media[index].protocol);
    if (medium.port === 0) continue;
    assert.equal(medium.port, local.address.port);
    assert.ok(medium.attributes.some(({ name }) => name === result.stream.direction));
  }
  const lines = answer.media.map(({ kind, port, formats }) => `${kind} ${port} ${formats.join(' ')}`).join(', ');
  return `${lines} | ${told(result.stream)}`;
}

for (const [sentence, name, local, expected] of [
  [
    'Asterisk calls: its first codec we have, its event number',
    'asterisk-plain',
    us,
    'audio 20000 0 101 | sendrecv PCMU/0 to 127.0.9.1:14022 20ms dtmf 101',
  ],
  [
    'the same as a page: recvonly, as the owner wants it',
    'asterisk-plain',
    page,
    'audio 20000 0 101 | recvonly PCMU/0 to 127.0.9.1:14022 20ms dtmf 101',
  ],
  [
    'only A-law wanted here: the later codec of the offer is taken',
    'asterisk-plain',
    { ...us, codecs: ['pcma'] },
    'audio 20000 8 101 | sendrecv PCMA/8 to 127.0.9.1:14022 20ms dtmf 101',
  ],
  [
    'no digits wanted: no event in the answer',
    'asterisk-plain',
    { ...us, dtmf: false },
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:14022 20ms',
  ],
  [
    'a one-way page is received, never answered with sound',
    'asterisk-page-sendonly',
    us,
    'audio 20000 8 101 | recvonly PCMA/8 to 127.0.9.1:14024 20ms dtmf 101 held',
  ],
  [
    'static number without rtpmap, and packets of 60 ms as wished',
    'avaya-60ms-no-rtpmap',
    us,
    'audio 20000 0 120 | sendrecv PCMU/0 to 127.0.9.3:2450 60ms dtmf 120',
  ],
  [
    'of two event numbers the one with the clock of the audio is taken',
    'freeswitch-opus-two-events',
    us,
    'audio 20000 0 101 | sendrecv PCMU/0 to 127.0.9.4:21110 20ms dtmf 101',
  ],
  [
    'a written channel count of one is no other codec',
    'softswitch-channels-written',
    us,
    'audio 20000 8 99 | sendrecv PCMA/8 to 127.0.9.5:47000 20ms dtmf 99',
  ],
  ['SRTP only: refused', 'cucm-savp', us, 'refused: audio: RTP/SAVP is not supported'],
  [
    'plain RTP with a crypto line: taken as plain RTP',
    'avp-with-crypto',
    us,
    'audio 20000 8 101 | sendrecv PCMA/8 to 127.0.9.8:11000 20ms dtmf 101',
  ],
  [
    'video first, ICE, bundle, a data channel: only the audio is taken, in its place',
    'video-and-audio-with-ice',
    us,
    'video 0 96 97, audio 20000 8 101, application 0 webrtc-datachannel | ' +
      'sendrecv PCMA/8 to 127.0.9.9:7078 rtcp 127.0.9.10:7179 20ms dtmf 101',
  ],
  [
    'fax first: the audio behind it is taken',
    't38-and-audio',
    us,
    'image 0 t38, audio 20000 0 | sendrecv PCMU/0 to 127.0.9.11:4002 20ms',
  ],
  [
    'IPv6, direction and address said once for the session, a port count',
    'ipv6-session-sendonly',
    { ...us, address: { host: '::1', port: 20000 } },
    'audio 20000 8 | recvonly PCMA/8 to 2001:db8::77:40000 rtcp 2001:db8::77:40003 20ms held',
  ],
  [
    'hold in the manner of RFC 2543: nothing may be sent to 0.0.0.0',
    'hold-rfc2543',
    us,
    'audio 20000 8 101 | recvonly PCMA/8 to 0.0.0.0:5000 20ms dtmf 101 held',
  ],
  [
    'µ-law under a dynamic number, address at the medium, 30 ms',
    'dynamic-pcmu',
    us,
    'audio 20000 112 113 | sendrecv PCMU/112 to 127.0.9.14:5004 30ms dtmf 113',
  ],
  [
    'a careless offer of someone who only listens',
    'careless',
    us,
    'audio 20000 0 | sendonly PCMU/0 to 127.0.9.15:6000 20ms',
  ],
  [
    'someone who only listens meets a page: nothing flows',
    'careless',
    page,
    'audio 20000 0 | inactive PCMU/0 to 127.0.9.15:6000 20ms',
  ],
  ['no common codec', 'asterisk-plain', { ...us, codecs: [] }, 'refused: audio: no common codec among 9 0 8 101'],
] as [string, string, LocalMedia, string][])
  test(sentence, () => assert.equal(answered(fixture(name), local), expected));

const offerOf = (media: string, session = ''): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.9.1\r\ns=-\r\nc=IN IP4 127.0.9.1\r\nt=0 0\r\n${session}${media}\r\n`;

for (const [sentence, text, expected] of [
  ['no media at all', offerOf(''), 'refused: there is no media line in the offer'],
  [
    'sound for a group',
    offerOf('m=audio 4000 RTP/AVP 0\r\nc=IN IP4 239.1.2.3/5'),
    'refused: audio: 239.1.2.3 is a group',
  ],
  [
    'sound for everybody',
    offerOf('m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255'),
    'refused: audio: 255.255.255.255 is a group',
  ],
  [
    'sound for a group of IPv6',
    offerOf('m=audio 4000 RTP/AVP 0\r\nc=IN IP6 FF15::1/2'),
    'refused: audio: FF15::1 is a group',
  ],
  ['audio that was ended', offerOf('m=audio 0 RTP/AVP 0'), 'refused: audio: port 0'],
  [
    'an audio line that was ended before one that lives',
    offerOf('m=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8'),
    'audio 0 0, audio 20000 8 | sendrecv PCMA/8 to 127.0.9.1:4000 20ms',
  ],
  [
    'SRTP first and plain second, the way some offer both',
    offerOf('m=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0'),
    'audio 0 0, audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4002 20ms',
  ],
  [
    'an address that is missing',
    'v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n',
    'refused: audio: there is no c= line',
  ],
  [
    'inactive: held both ways',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=inactive'),
    'audio 20000 0 | inactive PCMU/0 to 127.0.9.1:4000 20ms held',
  ],
  [
    'the line says sendrecv, the session inactive: the line counts',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=sendrecv', 'a=inactive\r\n'),
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4000 20ms',
  ],
  [
    '120 ms wished: not more than 60 are sent',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=ptime:120'),
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4000 60ms',
  ],
  [
    '5 ms wished: not less than 10 are sent',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=ptime:5'),
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4000 10ms',
  ],
  [
    'at most 10 ms bearable: 10 are sent',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=maxptime:10'),
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4000 10ms',
  ],
  [
    'a wish for nonsense is none',
    offerOf('m=audio 4000 RTP/AVP 0\r\na=ptime:soon'),
    'audio 20000 0 | sendrecv PCMU/0 to 127.0.9.1:4000 20ms',
  ],
  [
    'number 0 mapped to something else is not µ-law',
    offerOf('m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 FOO/8000'),
    'audio 20000 8 | sendrecv PCMA/8 to 127.0.9.1:4000 20ms',
  ],
  [
    'stereo A-law is not ours',
    offerOf('m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/8000/2'),
    'refused: audio: no common codec among 96',
  ],
  [
    'A-law at 16 kHz is not ours',
    offerOf('m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/16000'),
    'refused: audio: no common codec among 96',
  ],
] as [string, string, string][])
  test(sentence, () => assert.equal(answered(text, us), expected));

test('the answer echoes the mid of the line it takes and repeats the time of the offer', () => {
  const result = answerOffer(parseSdp(fixture('video-and-audio-with-ice').replace('t=0 0', 't=1 2')), us);
  assert.ok('answer' in result);
  const text = formatSdp(result.answer);
  assert.match(text, /\r\na=mid:a0\r\n/);
  assert.match(text, /\r\nt=1 2\r\n/);
  assert.doesNotMatch(text, /ice|crypto|candidate|group/);
});

test('our offer, to the letter', () => {
  assert.equal(
    formatSdp(createOffer(us)),
    [
      'v=0',
      'o=- 42 1 IN IP4 127.0.8.1',
      's=-',
      'c=IN IP4 127.0.8.1',
      't=0 0',
      'm=audio 20000 RTP/AVP 8 0 101',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=ptime:20',
      'a=maxptime:60',
      'a=rtcp-mux',
      'a=rtcp-xr:voip-metrics',
      'a=sendrecv',
      '',
    ].join('\r\n'),
  );
});

test('a later offer keeps the places of the media there were', () => {
  const first = answerOffer(parseSdp(fixture('video-and-audio-with-ice')), us);
  assert.ok('answer' in first);
  const again = createOffer({ ...us, version: 2 }, first.answer);
  assert.deepEqual(
    again.media.map(({ kind, port }) => `${kind} ${port}`),
    ['video 0', 'audio 20000', 'application 0'],
  );
});

for (const [sentence, local, lines, expected] of [
  [
    'the second of our codecs',
    us,
    'm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000',
    'sendrecv PCMU/0 to 127.0.9.1:4000 20ms dtmf 101',
  ],
  ['no digits there', us, 'm=audio 4000 RTP/AVP 8', 'sendrecv PCMA/8 to 127.0.9.1:4000 20ms'],
  ['they only send', us, 'm=audio 4000 RTP/AVP 8\r\na=sendonly', 'recvonly PCMA/8 to 127.0.9.1:4000 20ms held'],
  ['they only listen', us, 'm=audio 4000 RTP/AVP 8\r\na=recvonly', 'sendonly PCMA/8 to 127.0.9.1:4000 20ms'],
  [
    'we only listen and they forgot to say that they only send',
    page,
    'm=audio 4000 RTP/AVP 8',
    'recvonly PCMA/8 to 127.0.9.1:4000 20ms',
  ],
  ['they want 30 ms', us, 'm=audio 4000 RTP/AVP 8\r\na=ptime:30', 'sendrecv PCMA/8 to 127.0.9.1:4000 30ms'],
  ['refused by port 0', us, 'm=audio 0 RTP/AVP 8', "refused: the answer's audio: port 0"],
  [
    'a codec we did not offer',
    { ...us, codecs: ['pcma'] },
    'm=audio 4000 RTP/AVP 0',
    "refused: the answer's audio: no common codec among 0",
  ],
  ['SRTP although plain was offered', us, 'm=audio 4000 RTP/SAVP 8', 'refused: RTP/AVP was offered, RTP/SAVP answered'],
  ['an answer without media', us, '', 'refused: the answer has 0 media lines, the offer 1'],
] as [string, LocalMedia, string, string][])
  test(`answered: ${sentence}`, () => {
    const result = acceptAnswer(createOffer(local), parseSdp(offerOf(lines)));
    assert.equal('refused' in result ? `refused: ${result.refused}` : told(result.stream), expected);
  });
