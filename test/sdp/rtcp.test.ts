import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptAnswer, answerOffer, createOffer, formatSdp, type LocalMedia, parseSdp } from '../../src/sdp/index.ts';

const us: LocalMedia = {
  address: { host: '127.0.8.1', port: 20000 },
  codecs: ['pcma'],
  direction: 'sendrecv',
  packetMs: 20,
  dtmf: true,
  sessionId: 42,
  version: 1,
};

const theirs = (...attributes: string[]) =>
  parseSdp(
    ['v=0', 'o=- 1 1 IN IP4 127.0.8.2', 's=-', 'c=IN IP4 127.0.8.2', 't=0 0', 'm=audio 30000 RTP/AVP 8']
      .concat(attributes.map((attribute) => `a=${attribute}`))
      .map((line) => `${line}\r\n`)
      .join(''),
  );

/** What their lines say, what we answer about RTCP, and what is settled. */
for (const [sentence, lines, answered, settled] of [
  ['nothing about RTCP: the port beside, no extended reports', [], '', ''],
  ['RTP and RTCP on one port (RFC 5761)', ['rtcp-mux'], 'rtcp-mux', 'muxed'],
  ['one port, with the old way out named too', ['rtcp:30001', 'rtcp-mux'], 'rtcp-mux', 'muxed'],
  ['reports of VoIP metrics are wanted (RFC 3611)', ['rtcp-xr:voip-metrics'], 'rtcp-xr:voip-metrics', 'reports'],
  [
    'among other reports',
    ['rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup voip-metrics'],
    'rtcp-xr:voip-metrics',
    'reports',
  ],
  ['only reports that we have none of', ['rtcp-xr:pkt-loss-rle=100'], 'rtcp-xr:voip-metrics', ''],
  ['both', ['rtcp-mux', 'rtcp-xr:voip-metrics'], 'rtcp-mux rtcp-xr:voip-metrics', 'muxed reports'],
] as const) {
  const words = (stream: { muxed: boolean; extendedReports: boolean }): string =>
    [stream.muxed && 'muxed', stream.extendedReports && 'reports'].filter(Boolean).join(' ');

  test(`their offer: ${sentence}`, () => {
    const made = answerOffer(theirs(...lines), us);
    assert.ok('answer' in made);
    const said = formatSdp(made.answer).match(/(?<=a=)rtcp-\S+/g) ?? [];
    assert.equal(said.join(' '), answered);
    assert.equal(words(made.stream), settled);
  });

  test(`their answer: ${sentence}`, () => {
    const made = acceptAnswer(createOffer(us), theirs(...lines));
    assert.ok('stream' in made);
    assert.equal(words(made.stream), settled);
  });
}

test('an answer with one port to an offer with two settles nothing', () => {
  const offer = createOffer(us);
  offer.media[0].attributes = offer.media[0].attributes.filter(({ name }) => name !== 'rtcp-mux');
  const made = acceptAnswer(offer, theirs('rtcp-mux'));
  assert.ok('stream' in made);
  assert.equal(made.stream.muxed, false);
});
