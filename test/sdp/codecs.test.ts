/** Which codec, which numbers, which digits, which packets: RFC 3264, 3551, 4733, 7587. */
import assert from 'node:assert/strict';
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
import { parseOpusWishes } from '../../src/sdp/opus.ts';

const us: LocalMedia = {
  address: { host: '127.43.0.1', port: 20000 },
  codecs: ['opus', 'g722', 'pcma', 'pcmu'],
  direction: 'sendrecv',
  packetMs: 20,
  dtmf: true,
  soundRateHz: 16_000,
  sessionId: 42,
  version: 1,
};

const sdp = (media: string): string =>
  `v=0\r\no=- 1 1 IN IP4 127.43.0.9\r\ns=-\r\nc=IN IP4 127.43.0.9\r\nt=0 0\r\n${media}\r\n`;

/** The lines of the medium, `m=` first, without what this table is not about. */
const lines = (text: string): string[] =>
  text.split('\r\n').filter((line) => /^(m=|a=(rtpmap|fmtp|ptime|maxptime))/.test(line));

/** `OPUS/107 48000 20ms dtmf 101@8000` */
function told({
  codec,
  packetMs,
  dtmfPayloadType,
  dtmfClockRateHz,
  noisePayloadType,
  received,
  others = [],
}: Negotiated): string {
  const words = [`${codec.encoding}/${codec.payloadType}`, `${codec.clockRateHz}`, `${packetMs}ms`];
  if (dtmfPayloadType !== undefined) words.push(`dtmf ${dtmfPayloadType}`);
  if (dtmfClockRateHz !== undefined) words.push(`at ${dtmfClockRateHz}`);
  if (noisePayloadType !== undefined) words.push(`noise ${noisePayloadType}`);
  if (received !== undefined) words.push(`hears ${received.payloadType}/${received.dtmfPayloadType ?? '-'}`);
  for (const other of others)
    words.push(`or ${other.codec.encoding}/${other.codec.payloadType} ${other.packetMs}ms as ${other.received}`);
  return words.join(' ');
}

test('our offer: numbers of their own for Opus and its digits, what a 16 kHz card can play', () => {
  assert.deepEqual(lines(formatSdp(createOffer(us))), [
    'm=audio 20000 RTP/AVP 96 9 8 0 101 102',
    'a=rtpmap:96 opus/48000/2',
    'a=fmtp:96 maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1',
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=rtpmap:102 telephone-event/48000',
    'a=fmtp:102 0-15',
    'a=ptime:20',
    'a=maxptime:60',
  ]);
});

test('our offer where pauses need not be sent, on a card of 48 kHz, with L16', () => {
  const local: LocalMedia = { ...us, codecs: ['opus', 'l16', 'pcma'], soundRateHz: 48_000, pauses: true, packetMs: 10 };
  assert.deepEqual(lines(formatSdp(createOffer(local))), [
    'm=audio 20000 RTP/AVP 96 97 8 13 101 102 103',
    'a=rtpmap:96 opus/48000/2',
    'a=fmtp:96 stereo=0;useinbandfec=1;usedtx=1',
    'a=rtpmap:97 L16/16000',
    'a=rtpmap:8 PCMA/8000',
    'a=rtpmap:13 CN/8000',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=rtpmap:102 telephone-event/48000',
    'a=fmtp:102 0-15',
    'a=rtpmap:103 telephone-event/16000',
    'a=fmtp:103 0-15',
    'a=ptime:10',
    'a=maxptime:40',
  ]);
});

test('we never wish for packets longer than we take: L16 of 44.1 kHz', () => {
  const offer = parseSdp(sdp('m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 L16/44100'));
  const answered = answerOffer(offer, { ...us, codecs: ['l16'] });
  const { answer } = answered as Extract<typeof answered, { answer: unknown }>;
  assert.deepEqual(lines(formatSdp(answer)).slice(-2), ['a=ptime:10', 'a=maxptime:10']);
});

const opus = 'a=rtpmap:107 opus/48000/2';
for (const [sentence, media, local, expected] of [
  ['their order counts: G.722 before Opus', `m=audio 4000 RTP/AVP 9 107 8\r\n${opus}`, us, 'G722/9 8000 20ms'],
  [
    'Opus under their number, their digits of 48000',
    `m=audio 4000 RTP/AVP 107 8 101 104\r\n${opus}\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:104 telephone-event/48000`,
    us,
    'OPUS/107 48000 20ms dtmf 104',
  ],
  [
    'Opus with digits of 8000 only: those',
    `m=audio 4000 RTP/AVP 107 101\r\n${opus}\r\na=rtpmap:101 telephone-event/8000`,
    us,
    'OPUS/107 48000 20ms dtmf 101 at 8000',
  ],
  [
    'A-law with digits of 48000 only: none',
    `m=audio 4000 RTP/AVP 8 104\r\na=rtpmap:104 telephone-event/48000`,
    us,
    'PCMA/8 8000 20ms',
  ],
  [
    'no Opus here: the next one',
    `m=audio 4000 RTP/AVP 107 9\r\n${opus}`,
    { ...us, codecs: ['g722'] },
    'G722/9 8000 20ms',
  ],
  [
    'Opus written with one channel is the same',
    'm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000',
    us,
    'OPUS/96 48000 20ms',
  ],
  ['Opus of another clock is no Opus', 'm=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/16000', us, 'PCMU/0 8000 20ms'],
  [
    '30 ms of Opus: 20, there is no such frame',
    `m=audio 4000 RTP/AVP 107\r\n${opus}\r\na=ptime:30`,
    us,
    'OPUS/107 48000 20ms',
  ],
  ['50 ms of Opus: 40', `m=audio 4000 RTP/AVP 107\r\n${opus}\r\na=ptime:50`, us, 'OPUS/107 48000 40ms'],
  ['60 ms of Opus', `m=audio 4000 RTP/AVP 107\r\n${opus}\r\na=ptime:60`, us, 'OPUS/107 48000 60ms'],
  ['30 ms of G.722', 'm=audio 4000 RTP/AVP 9\r\na=ptime:30', us, 'G722/9 8000 30ms'],
  ['10 ms wished here and nothing there', 'm=audio 4000 RTP/AVP 9', { ...us, packetMs: 10 }, 'G722/9 8000 10ms'],
  [
    'L16 of 60 ms: as much as a packet holds',
    'm=audio 4000 RTP/AVP 98\r\na=rtpmap:98 L16/16000\r\na=ptime:60',
    { ...us, codecs: ['l16'] },
    'L16/98 16000 40ms',
  ],
  ['L16 by its own number', 'm=audio 4000 RTP/AVP 11', { ...us, codecs: ['l16'] }, 'L16/11 44100 10ms'],
  ['L16 unasked', 'm=audio 4000 RTP/AVP 11', us, 'refused: audio: no common codec among 11'],
  ['comfort noise where we want none', 'm=audio 4000 RTP/AVP 8 13', us, 'PCMA/8 8000 20ms'],
  ['comfort noise where we do', 'm=audio 4000 RTP/AVP 8 13', { ...us, pauses: true }, 'PCMA/8 8000 20ms noise 13'],
  [
    'comfort noise of another clock',
    `m=audio 4000 RTP/AVP 107 13\r\n${opus}`,
    { ...us, pauses: true },
    'OPUS/107 48000 20ms',
  ],
] as [string, string, LocalMedia, string][])
  test(`offered: ${sentence}`, () => {
    const result = answerOffer(parseSdp(sdp(media)), local);
    if ('refused' in result) return assert.equal(`refused: ${result.refused}`, expected);
    assert.equal(told(result.stream), expected);
    // What we answer, read by the other side: the same numbers, one codec.
    const [answered] = result.answer.media;
    assert.equal(answered.formats[0], String(result.stream.codec.payloadType));
    const { length } = answered.formats;
    assert.equal(
      length,
      1 + Number(result.stream.dtmfPayloadType !== undefined) + Number(result.stream.noisePayloadType !== undefined),
    );
  });

for (const [sentence, media, expected] of [
  [
    'Opus under our number',
    'm=audio 4000 RTP/AVP 96 102\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:102 telephone-event/48000',
    'OPUS/96 48000 20ms dtmf 102',
  ],
  [
    'Opus under another number: we send by theirs and hear by ours',
    'm=audio 4000 RTP/AVP 107 101\r\na=rtpmap:107 opus/48000/2\r\na=rtpmap:101 telephone-event/8000',
    'OPUS/107 48000 20ms dtmf 101 at 8000 hears 96/101',
  ],
  [
    'digits under another number',
    'm=audio 4000 RTP/AVP 8 120\r\na=rtpmap:120 telephone-event/8000',
    'PCMA/8 8000 20ms dtmf 120 hears 8/101',
  ],
  [
    'several of ours: their first, and the others at any time',
    'm=audio 4000 RTP/AVP 0 107 9\r\na=rtpmap:107 opus/48000/2\r\na=ptime:30',
    'PCMU/0 8000 30ms or OPUS/107 20ms as 96 or G722/9 30ms as 9',
  ],
  ['G.722', 'm=audio 4000 RTP/AVP 9\r\na=ptime:10', 'G722/9 8000 10ms'],
  ['L16 we never offered', 'm=audio 4000 RTP/AVP 11', "refused: the answer's audio: no common codec among 11"],
] as const)
  test(`answered: ${sentence}`, () => {
    const result = acceptAnswer(createOffer(us), parseSdp(sdp(media)));
    assert.equal('refused' in result ? `refused: ${result.refused}` : told(result.stream), expected);
  });

test('a later offer keeps the numbers, and takes none that meant something else', () => {
  const first = answerOffer(
    parseSdp(sdp('m=audio 4000 RTP/AVP 107 96\r\na=rtpmap:107 opus/48000/2\r\na=rtpmap:96 telephone-event/48000')),
    us,
  );
  assert.ok('answer' in first);
  const [medium] = createOffer({ ...us, codecs: ['opus', 'l16', 'pcma'], version: 2 }, first.answer).media;
  assert.deepEqual(medium.formats, ['107', '97', '8', '101', '96', '103']);
});

for (const [sentence, parameters, expected] of [
  ['nothing', '', {}],
  ['what browsers say', 'minptime=10;useinbandfec=1', { fec: true }],
  ['what Asterisk says', 'maxplaybackrate=16000; stereo=0; useinbandfec=1', { maxPlaybackRateHz: 16_000, fec: true }],
  [
    'bit rate, pauses, evenness',
    'maxaveragebitrate=20000;usedtx=1;cbr=1',
    { maxAverageBitrate: 20_000, dtx: true, cbr: true },
  ],
  ['all of it refused', 'useinbandfec=0; usedtx=0; cbr=0; stereo=1', {}],
  ['in capitals and with blanks', ' UseInbandFEC = 1 ; MaxPlaybackRate=8000 ', { maxPlaybackRateHz: 8000, fec: true }],
  ['nonsense', 'maxplaybackrate=1;maxaveragebitrate=9999999;useinbandfec=yes;;=', {}],
] as const)
  test(`Opus parameters: ${sentence}`, () => assert.deepEqual(parseOpusWishes(parameters), expected));
