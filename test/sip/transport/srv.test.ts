/** NAPTR and SRV as arithmetic: RFC 3263 §4.1, §4.2, RFC 2782. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../../src/base/index.ts';
import { chooseNaptr, type Naptr, orderSrv, refusesService, type Srv } from '../../../src/sip/transport/srv.ts';

const lots = (...values: number[]): Random => ({ token: () => 't', uint32: () => values.shift() ?? 0 });
const srv = (text: string): Srv => {
  const [priority, weight, port, name] = text.split(' ');
  return { priority: Number(priority), weight: Number(weight), port: Number(port), name };
};
const naptr = (text: string): Naptr => {
  const [order, preference, flags, service, replacement] = text.split(' ');
  return { order: Number(order), preference: Number(preference), flags, service, replacement };
};

for (const [sentence, records, drawn, expected] of [
  ['the lower priority first', ['20 0 5060 b', '10 0 5060 a'], [], ['a', 'b']],
  ['the lot 0 hits who has no weight', ['10 60 5060 heavy', '10 0 5060 light'], [0], ['light', 'heavy']],
  ['any other lot passes over him', ['10 60 5060 heavy', '10 0 5060 light'], [1], ['heavy', 'light']],
  ['the lowest 60 of 100: the first', ['10 60 5060 a', '10 40 5060 b'], [59], ['a', 'b']],
  ['above them: the second', ['10 60 5060 a', '10 40 5060 b'], [60], ['b', 'a']],
  ['the lot is drawn anew among those left', ['10 1 1 a', '10 1 1 b', '10 1 1 c'], [2, 1], ['c', 'b', 'a']],
  ['"not here" is no target', ['10 0 0 .', '20 0 5060 b'], [], ['b']],
  ['nothing of nothing', [], [], []],
] as const) {
  test(`SRV: ${sentence}`, () => {
    assert.deepEqual(
      orderSrv(records.map(srv), lots(...drawn)).map(({ name }) => name),
      expected,
    );
  });
}

test('SRV: of 10 000 draws each comes first in its proportion', () => {
  let state = 1;
  const random: Random = {
    token: () => 't',
    uint32: () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8,
  };
  const draw = (weights: readonly number[]): number[] => {
    const records = weights.map((weight, i) => srv(`1 ${weight} 1 ${i}`));
    const first = weights.map(() => 0);
    for (let i = 0; i < 10_000; i++) first[Number(orderSrv(records, random)[0].name)]++;
    return first;
  };
  for (const [weights, shares] of [
    [
      [10, 30, 60],
      [1_000, 3_000, 6_000],
    ],
    [
      [1, 1],
      [5_000, 5_000],
    ],
    [
      [0, 0],
      [5_000, 5_000],
    ],
    [
      [0, 99],
      [100, 9_900],
    ],
  ]) {
    const first = draw(weights);
    for (const [i, share] of shares.entries())
      assert.ok(Math.abs(first[i] - share) < Math.min(300, share), JSON.stringify({ weights, first }));
  }
});

test('SRV: a service is refused by "." alone, not by an empty answer', () => {
  assert.deepEqual([[srv('0 0 0 .')], [srv('0 0 0 .'), srv('1 0 5060 a')], []].map(refusesService), [
    true,
    false,
    false,
  ]);
});

for (const [sentence, records, secure, expected] of [
  [
    'by preference',
    ['10 50 s SIP+D2U _sip._udp.a', '10 10 s SIP+D2T _sip._tcp.a'],
    false,
    ['tcp _sip._tcp.a', 'udp _sip._udp.a'],
  ],
  ['the lowest order only', ['20 1 s SIP+D2T x', '10 9 S sip+d2u y'], false, ['udp y']],
  ['the lowest order of those we can speak', ['10 1 s SIP+D2S x', '20 9 s SIPS+D2T y'], false, ['tls y']],
  ['sips takes TLS only', ['10 1 s SIP+D2U x', '20 1 s SIPS+D2T y'], true, ['tls y']],
  ['what ends in no SRV is passed over', ['10 1 u SIP+D2U x', '10 2 s E2U+sip x', '10 3 s SIP+D2U .'], false, []],
] as const) {
  test(`NAPTR: ${sentence}`, () => {
    assert.deepEqual(
      chooseNaptr(records.map(naptr), secure).map(({ transport, name }) => `${transport} ${name}`),
      expected,
    );
  });
}
