import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatSdp, parseSdp, SdpSyntaxError } from '../../src/sdp/index.ts';
import { MAX_SDP_BYTES } from '../../src/sdp/parse.ts';
import { SeededRandom } from './kit.ts';

const FIXTURES = new URL('../../../test/fixtures/sdp/', import.meta.url);
const CAPTURES = new URL('../../../../shared/data/pbx-invites/', import.meta.url);

const minimal = 'v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n';

for (const name of readdirSync(FIXTURES)) {
  test(`${name}: what is written after reading reads the same`, () => {
    const sdp = parseSdp(readFileSync(new URL(name, FIXTURES)));
    const text = formatSdp(sdp);
    assert.deepEqual(parseSdp(text).media, sdp.media);
    assert.deepEqual(parseSdp(text).origin, sdp.origin);
    assert.equal(formatSdp(parseSdp(text)), text);
    assert.ok(sdp.media.length > 0);
  });
}

test('a careless description is understood: LF, blanks, odd case, a user name of two words, no s= and t=', () => {
  const sdp = parseSdp(readFileSync(new URL('careless.sdp', FIXTURES)));
  assert.deepEqual(sdp.origin, {
    username: 'some_user',
    sessionId: '1',
    version: '2',
    family: 'IP4',
    host: '127.0.9.15',
  });
  assert.deepEqual(sdp.connection, { family: 'IP4', host: '127.0.9.15' });
  assert.deepEqual(sdp.lines, [{ type: 'X', value: 'what is this' }]);
  assert.equal(sdp.media[0].kind, 'audio');
  assert.deepEqual(sdp.media[0].formats, ['0', '8']);
  assert.match(formatSdp(sdp), /^v=0\r\no=some_user 1 2 IN IP4 127\.0\.9\.15\r\ns=-\r\n/);
  assert.match(formatSdp(sdp), /\r\nt=0 0\r\n/);
});

test('an ordinary description is written again to the letter', () => {
  const text = readFileSync(new URL('asterisk-plain.sdp', FIXTURES), 'latin1');
  assert.equal(formatSdp(parseSdp(text)), text);
});

for (const [sentence, text, line, message] of [
  ['nothing at all', '', 1, /empty/],
  ['only blank lines', '\r\n\r\n', 1, /empty/],
  ['HTML in place of SDP', '<html>', 1, /"<html>"/],
  ['a version from the future', 'v=1\n', 1, /begins with "v=1"/],
  ['a line without an equals sign', `${minimal}hello\n`, 5, /line 5 "hello"/],
  ['a port that is a word', `${minimal}m=audio many RTP/AVP 0\n`, 5, /"many" is no port/],
  ['a port above 65535', `${minimal}m=audio 70000 RTP/AVP 0\n`, 5, /"70000" is no port/],
  ['a medium without formats', `${minimal}m=audio 5000 RTP/AVP\n`, 5, /formats are missing/],
  ['an address of an unknown family', `${minimal}c=IN IP7 1.2.3.4\n`, 5, /"IP7" is not IP4 or IP6/],
  ['an address that is missing', `${minimal}c=IN IP4\n`, 5, /not "IN IP4 address"/],
  ['an origin with a field too few', 'v=0\no=- 1 1 IN IP4\n', 2, /six fields/],
  ['more media than anybody has', minimal + 'm=audio 0 RTP/AVP 0\n'.repeat(65), 69, /more than 64 media/],
  ['a novel', `${minimal}i=${'x'.repeat(MAX_SDP_BYTES)}\n`, 1, /more than 65536/],
] as const)
  test(`${sentence}: refused, with the line`, () => {
    assert.throws(
      () => parseSdp(text),
      (error: unknown) => {
        assert.ok(error instanceof SdpSyntaxError);
        assert.equal(error.code, 'sdp-syntax');
        assert.match(error.message, message);
        assert.equal(error.line, line);
        return true;
      },
    );
  });

test('whatever is changed in a description, only SdpSyntaxError comes out (2000 seeded cases)', () => {
  const names = readdirSync(FIXTURES);
  const random = new SeededRandom(7);
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from(readFileSync(new URL(names[round % names.length], FIXTURES)));
    for (let i = random.below(6); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    try {
      formatSdp(parseSdp(bytes.subarray(0, random.below(bytes.length + 1))));
    } catch (error) {
      assert.ok(error instanceof SdpSyntaxError, String(error));
      refused++;
    }
  }
  assert.ok(refused > 100 && refused < 1900, `${refused} refused`);
});

test('the descriptions PBXs sent are all understood', {
  skip: existsSync(CAPTURES) ? false : 'no captures here',
}, () => {
  let seen = 0;
  for (const name of readdirSync(CAPTURES, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.sip')) continue;
    const body = readFileSync(new URL(name, CAPTURES), 'latin1').split('\r\n\r\n').slice(1).join('\r\n\r\n');
    if (!body.startsWith('v=0')) continue;
    const sdp = parseSdp(body);
    assert.equal(sdp.media.length, 1, name);
    assert.equal(formatSdp(sdp).trim(), body.trim(), name);
    seen++;
  }
  assert.ok(seen > 30, `${seen} descriptions`);
});
