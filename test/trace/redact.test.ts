/** Nothing that lets somebody in leaves the trace; whatever is taken out leaves its length. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact } from '../../src/trace/redact.ts';

/** Planted where it must not be seen. */
const S = 'S3cr3tPl4nted';

for (const [name, text] of [
  ['the answer of a digest', `Authorization: Digest username="u", realm="r", response="${S}", cnonce="${S}"`],
  ['to a proxy, in odd letters', `PROXY-AUTHORIZATION : digest response=${S},username="u"`],
  ['folded over lines', `Authorization: Digest username="u",\r\n response="${S}",\r\n\tcnonce="${S}"`],
  ['folded before the scheme', `Authorization:\r\n Digest response="${S}"`],
  ['Basic', `Authorization: Basic ${S}`],
  ['Bearer', `Authorization: Bearer ${S}`],
  ['a scheme without parameters', `Authorization: ${S}`],
  ['text between the parameters', `Authorization: Digest ${S}, username="u" ${S}, ${S} realm="r"`],
  ['a quote that is never closed', `Authorization: Digest realm="r, response="${S}"`],
  ['an escaped quote', `Authorization: Digest realm="r\\", response=\\"${S}"`],
  ['an unknown parameter', `Authorization: Digest password="${S}", secret=${S}`],
  ['Authentication-Info', `Authentication-Info: rspauth="${S}", cnonce="${S}", nextnonce="${S}"`],
  ['lines that end in a line feed alone', `Via: x\nAuthorization: Digest response="${S}"\nTo: y`],
  ['a password in the Request-URI', `INVITE sip:user:${S}@host SIP/2.0`],
  ['in From', `From: "x" <sips:user:${S}@host;transport=tls>;tag=1`],
  ['in a list', `Route: <sip:a@b>, <sip:c:${S}@d:5060;lr>`],
  ['without a user', `To: sip::${S}@host`],
  ['a header inside a URI', `Refer-To: <sip:a@b?Replaces=x&Authorization=Digest%20${S}>`],
  ['an SDES key', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${S}|2^20|1:4 UNENCRYPTED_SRTCP`],
  ['two SDES keys in a line', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${S}|2^20;inline:${S}|2^21`],
  ['an SDES key in other letters', `A=CRYPTO:1 X INLINE:${S}`],
  ['one with blanks where none may be', `a = crypto : 1 AES_CM_128_HMAC_SHA1_80 inline : ${S}|2^20`],
  ['one without its method', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${S}`],
  ['one without its suite', `a=crypto:${S}`],
  ['one that is where none should be', `m=audio inline:${S}`],
  ['credentials without their colon', `Authorization Digest response="${S}"`],
  ['k=', `k=clear:${S}`],
  ['MIKEY', `a=key-mgmt:mikey ${S}`],
  ['an ICE password', `a=ice-pwd:${S}`],
  ['an ICE password among blanks', ` a = ice-pwd : ${S}`],
  ['k= among blanks', `k = clear:${S}`],
] as const)
  test(`taken out: ${name}`, () => {
    for (const around of [
      text,
      `OPTIONS sip:a@b SIP/2.0\r\n${text}\r\nCall-ID: 1\r\n\r\nv=0\r\n`,
      `v=0\r\n${text}\r\nm=audio 1`,
    ]) {
      const shown = redact(around);
      assert.doesNotMatch(shown, new RegExp(S));
      assert.equal(shown.length, around.length);
      assert.equal(shown.replace(/[^\r\n]/g, ''), around.replace(/[^\r\n]/g, ''));
    }
  });

for (const text of [
  'INVITE sip:100@10.0.0.2:5060;transport=tcp SIP/2.0\r\nTo: <sip:a@b>;tag=x\r\nContact: <sip:10.0.0.1:5060>;expires=5\r\n\r\n',
  'Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nRoute: <sip:10.0.0.2:5060;lr>, <sip:10.0.0.3:5060;lr>',
  'WWW-Authenticate: Digest realm="r", nonce="abc", algorithm=MD5, qop="auth"',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\na=crypto:2 AEAD_AES_256_GCM WSH=64 UNENCRYPTED_SRTCP',
  'a=rtpmap:8 PCMA/8000\r\na=fingerprint:sha-256 AB:CD\r\na=ice-ufrag:x',
])
  test(`left as it is: ${text.slice(0, 40)}`, () => assert.equal(redact(text), text));

test('of a digest, what helps to find a fault is left', () => {
  const value =
    'Digest username="1001", realm="asterisk", nonce="n", uri="sip:10.0.0.2;transport=tcp", response="0123", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"';
  assert.equal(
    redact(`Authorization: ${value}`),
    `Authorization: ${value.replace('0123', 'xxxx').replace('cnonce="c"', 'cnonce="x"')}`,
  );
});

test('a datagram made to be slow is not', () => {
  for (const text of [
    'sip:a:'.repeat(2_700),
    `Authorization: ${'a="'.repeat(5_000)}`,
    `Authorization: Digest ${'\r\n '.repeat(5_000)}`,
    'a=crypto:'.repeat(1_800),
  ]) {
    const begin = performance.now();
    redact(text);
    assert.ok(performance.now() - begin < 250, `${text.slice(0, 20)} took ${performance.now() - begin} ms`);
  }
});
