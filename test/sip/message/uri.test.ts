import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  equalUris,
  escapeUser,
  formatUri,
  parseUri,
  SipSyntaxError,
  unescapeUri,
} from '../../../src/sip/message/index.ts';

for (const [sentence, text, parts] of [
  ['host alone', 'sip:example.com', { host: 'example.com', user: undefined, port: undefined }],
  ['user and port', 'sip:gate@example.com:5070', { user: 'gate', host: 'example.com', port: 5070 }],
  ['password', 'sip:gate:secret@example.com', { user: 'gate', password: 'secret' }],
  ['an empty password', 'sip:gate:@example.com', { user: 'gate', password: '' }],
  ['IPv6 loses its brackets', 'sip:gate@[2001:db8::7]:5062', { host: '2001:db8::7', port: 5062 }],
  ['IPv6 with an IPv4 tail', 'sips:[::ffff:127.0.0.1]', { scheme: 'sips', host: '::ffff:127.0.0.1' }],
  ['a telephone number with #', 'sip:*72#1@example.com', { user: '*72#1' }],
  ['a scheme in capitals', 'SIP:gate@example.com', { scheme: 'sip' }],
  ['another scheme stays whole', 'tel:+4930123;ext=7', { scheme: 'tel', opaque: '+4930123;ext=7', host: '' }],
  ['a host with an underscore, as in some networks', 'sip:pbx_1', { host: 'pbx_1' }],
  ['a host with a dot at its end', 'sip:example.com.', { host: 'example.com.' }],
] as const) {
  test(`parse: ${sentence}`, () => {
    const uri = parseUri(text);
    for (const [name, value] of Object.entries(parts)) assert.equal(uri[name as keyof typeof uri], value, name);
    assert.equal(formatUri(uri), text.replace(/^SIP:/, 'sip:'));
  });
}

test('parameters and header fields are kept in order, as written', () => {
  const text = 'sip:gate@example.com;Transport=TCP;lr;maddr=[::1]?Subject=Fire%21&Priority=urgent';
  const uri = parseUri(text);
  assert.deepEqual(
    [...uri.params],
    [
      ['transport', 'TCP'],
      ['lr', null],
      ['maddr', '[::1]'],
    ],
  );
  assert.deepEqual(uri.headers, [
    ['Subject', 'Fire%21'],
    ['Priority', 'urgent'],
  ]);
  assert.equal(formatUri(uri), text.replace('Transport', 'transport'));
});

for (const [sentence, text] of [
  ['no scheme', 'gate'],
  ['no host', 'sip:'],
  ['no host behind the user', 'sip:gate@'],
  ['an empty user part', 'sip:@example.com'],
  ['a blank', 'sip:the gate@example.com'],
  ['a broken escape', 'sip:ga%4te@example.com'],
  ['a port that is none', 'sip:example.com:port'],
  ['a port beyond 65535', 'sip:example.com:65536'],
  ['an open bracket', 'sip:[::1'],
  ['no IPv6 in the brackets', 'sip:[example]'],
  ['an empty parameter', 'sip:example.com;;lr'],
  ['a parameter without value', 'sip:example.com;transport='],
  ['brackets around it', '<sip:example.com>'],
  ['a scheme with a blank', 'si p:example.com'],
  ['a quote in another scheme', 'tel:"1"'],
] as const) {
  test(`refused: ${sentence}`, () => {
    assert.throws(
      () => parseUri(text),
      (error) => error instanceof SipSyntaxError && error.message.includes('Cannot parse URI'),
    );
  });
}

// RFC 3261 §19.1.4, with its own examples.
for (const [sentence, a, b, equal] of [
  [
    'escapes of plain characters and case of host',
    'sip:%61lice@atlanta.com;transport=TCP',
    'sip:alice@AtLanTa.CoM;Transport=tcp',
    true,
  ],
  ['a parameter in one only', 'sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5', true],
  ['order of parameters', 'sip:carol@chicago.com;a=1;b=2', 'sip:carol@chicago.com;b=2;a=1', true],
  [
    'order of header fields',
    'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
    'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    true,
  ],
  [
    'header fields in another order',
    'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
    'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    true,
  ],
  ['case of the user part', 'SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP', false],
  ['a port in one only', 'sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060', false],
  ['a transport in one only', 'sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp', false],
  ['a port and a transport', 'sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp', false],
  ['a header field in one only', 'sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting', false],
  ['name and address of one host', 'sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4', false],
  [
    'the same parameter with another value',
    'sip:carol@chicago.com;security=on',
    'sip:carol@chicago.com;security=off',
    false,
  ],
  ['sip and sips', 'sip:bob@biloxi.com', 'sips:bob@biloxi.com', false],
  ['a reserved character and its escape', 'sip:a;b@biloxi.com', 'sip:a%3Bb@biloxi.com', false],
  ['case of an escape', 'sip:a%3bb@biloxi.com', 'sip:a%3Bb@biloxi.com', true],
  ['user=phone in one only', 'sip:1@biloxi.com', 'sip:1@biloxi.com;user=phone', false],
  ['other schemes, letter by letter', 'tel:+1', 'TEL:+1', true],
  ['other schemes that differ', 'tel:+1', 'tel:+2', false],
] as const) {
  test(`equality: ${sentence}: ${equal}`, () => {
    assert.equal(equalUris(parseUri(a), parseUri(b)), equal);
    assert.equal(equalUris(parseUri(b), parseUri(a)), equal);
  });
}

test('user parts are escaped and unescaped', () => {
  assert.equal(escapeUser('Tür 7@Haus'), 'T%C3%BCr%207%40Haus');
  assert.equal(unescapeUri('T%C3%BCr%207%40Haus'), 'Tür 7@Haus');
  assert.equal(unescapeUri('%FF%41'), '%FF%41');
  assert.equal(escapeUser('\ud800'), '%EF%BF%BD');
});
