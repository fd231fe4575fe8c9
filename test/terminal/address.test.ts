import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inPrefix, parseAddress, sameAddress } from '../../src/terminal/address.ts';

for (const [prefix, address, inside] of [
  ['10.0.0.0/8', '10.255.1.2', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.40', '10.0.0.40', true],
  ['10.0.0.40', '10.0.0.41', false],
  ['10.0.0.40/32', '10.0.0.40', true],
  ['10.0.0.40/31', '10.0.0.41', true],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['::/0', '2001:db8::1', true],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['::1', '0:0:0:0:0:0:0:1', true],
  ['10.0.0.0/33', '10.0.0.0', false],
  ['10.0.0.0/8/8', '10.0.0.0', false],
  ['10.0.0.0/', '10.0.0.0', false],
  ['pbx', 'pbx', false],
] as const)
  test(`address: ${address} is ${inside ? '' : 'not '}in ${prefix}`, () =>
    assert.equal(inPrefix(prefix, address), inside));

for (const text of [
  '',
  '1.2.3',
  '1.2.3.256',
  '1.2.3.4.5',
  '01234.1.1.1',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  'g::1',
  '1.2.3.4::',
])
  test(`address: "${text}" is none`, () => assert.equal(parseAddress(text), undefined));

test('address: an IPv6 literal has many spellings', () => {
  assert.ok(sameAddress('[2001:DB8::1]', '2001:db8:0:0::0:1'));
  assert.ok(sameAddress('::ffff:192.0.2.1', '192.0.2.1'));
  assert.ok(!sameAddress('pbx.example.net', 'pbx.example.net'));
});
