/** Whom a certificate names: RFC 5922 §7.1, §7.2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identitiesOf, isOneOf } from '../../../src/sip/transport/identity.ts';

for (const [sentence, subjectaltname, CN, expected] of [
  ['a name of the DNS', 'DNS:PBX.example.net', 'x', ['pbx.example.net']],
  [
    'addresses, however IPv6 is written',
    'IP Address:10.0.0.2, IP Address:2001:DB8:0:0:0:0:0:7',
    'x',
    ['10.0.0.2', '2001:db8::7'],
  ],
  [
    'a SIP URI puts the names of the DNS aside',
    'DNS:a.test, URI:sip:b.test, IP Address:10.0.0.2',
    'x',
    ['b.test', '10.0.0.2'],
  ],
  ['the URI of a user is no domain', 'URI:sip:100@b.test, DNS:a.test', 'x', ['a.test']],
  ['nor is one of another scheme', 'URI:https://b.test, URI:sips:c.test, DNS:a.test', 'x', ['a.test']],
  ['an address is no name of the DNS', 'DNS:10.0.0.2', 'x', []],
  ['the common name, without any other', undefined, 'Pbx.test', ['pbx.test']],
  ['not the common name beside others', 'email:x@y', 'pbx.test', []],
  ['a value in quotes is not cut at its comma', 'DNS:"a.test, DNS:evil.test", DNS:b.test', 'x', ['b.test']],
  ['what cannot be cut names nobody', 'DNS:a.test, "', 'x', []],
  ['nothing at all', undefined, undefined, []],
] as const) {
  test(`identities: ${sentence}`, () => {
    const subject = CN === undefined ? {} : { CN };
    assert.deepEqual(identitiesOf({ subjectaltname, subject }), expected);
  });
}

for (const [sentence, identity, wanted, expected] of [
  ['letter case does not matter', 'pbx.test', 'PBX.Test', true],
  ['a longer name is another one', 'pbx.test', 'a.pbx.test', false],
  ['a shorter one too', 'a.pbx.test', 'pbx.test', false],
  ['a wildcard names nobody', '*.pbx.test', 'a.pbx.test', false],
  ['IPv6 as people write it', '2001:db8::7', '[2001:DB8::0:7]', true],
] as const) {
  test(`compared: ${sentence}`, () => assert.equal(isOneOf([identity], [wanted]), expected));
}
