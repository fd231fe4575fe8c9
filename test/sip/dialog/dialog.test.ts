/** What a dialog makes of the messages it is born from: RFC 3261 §12. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Dialog, dialogId, dialogIdOf } from '../../../src/sip/dialog/index.ts';
import { createRequest, createResponse, type SipRequest } from '../../../src/sip/message/index.ts';

type Headers = [string, string][];

const invite = (extra: Headers = []): SipRequest =>
  createRequest({
    method: 'INVITE',
    uri: 'sip:bob@b.test',
    headers: [
      ['Via', 'SIP/2.0/UDP a.test;branch=z9hG4bK1'],
      ['From', '"Alice" <sip:alice@a.test>;tag=a'],
      ['To', '<sip:bob@b.test>'],
      ['Call-ID', 'c1'],
      ['CSeq', '7 INVITE'],
      ['Contact', '<sip:alice@10.0.0.1:5070;method=INVITE>'],
      ...extra,
    ],
  });

const routes: Headers = [
  ['Record-Route', '<sip:p3.test;lr>, <sip:p2.test;lr>'],
  ['Record-Route', '<sip:p1.test;lr>'],
];

function caller(headers: Headers = [['Contact', '<sip:bob@10.0.0.2>']], tag = 'b'): Dialog {
  const request = invite();
  return Dialog.uac(request, createResponse(request, 200, undefined, { headers, toTag: tag }));
}

const called = (extra: Headers = []): Dialog => Dialog.uas(invite(extra), 'b');

/** `METHOD URI | Route, Route` */
function shape(dialog: Dialog): string {
  const request = dialog.request('BYE', dialog.nextSequence());
  return `${request.method} ${request.uri} | ${request.headers('Route').join(', ')}`;
}

for (const [name, dialog, expected] of [
  ['the caller asks the Contact of the 2xx', caller(), 'BYE sip:bob@10.0.0.2 | '],
  ['the called asks the Contact of the INVITE, without its method', called(), 'BYE sip:alice@10.0.0.1:5070 | '],
  ['no Contact in the 2xx: the Request-URI', caller([]), 'BYE sip:bob@b.test | '],
  [
    'the caller turns the record of the route round',
    caller([['Contact', '<sip:bob@10.0.0.2>'], ...routes]),
    'BYE sip:bob@10.0.0.2 | <sip:p1.test;lr>, <sip:p2.test;lr>, <sip:p3.test;lr>',
  ],
  [
    'the called takes it as it is',
    called(routes),
    'BYE sip:alice@10.0.0.1:5070 | <sip:p3.test;lr>, <sip:p2.test;lr>, <sip:p1.test;lr>',
  ],
  [
    'a strict router stands in the Request-URI, the target comes last',
    called([['Record-Route', '<sip:old.test>, <sip:p1.test;lr>']]),
    'BYE sip:old.test | <sip:p1.test;lr>, <sip:alice@10.0.0.1:5070>',
  ],
] as const) {
  test(name, () => assert.equal(shape(dialog), expected));
}

test('From and To stand as in the INVITE for the caller, the other way round for the called', () => {
  const [one, other] = [caller(), called()].map((dialog) => dialog.request('BYE', 8));
  assert.deepEqual(
    [one.header('From'), one.header('To')],
    ['"Alice" <sip:alice@a.test>;tag=a', '<sip:bob@b.test>;tag=b'],
  );
  assert.deepEqual([other.header('From'), other.header('To')], [one.header('To'), one.header('From')]);
});

test('the caller counts on from its INVITE', () => {
  const dialog = caller();
  assert.deepEqual([dialog.nextSequence(), dialog.nextSequence()], [8, 9]);
});

test('a request names the dialog by the tags seen from the other side', () => {
  const dialog = called();
  const bye = caller().request('BYE', 8);
  assert.equal(dialogIdOf(bye), dialog.id);
  assert.notEqual(dialog.id, dialogId('c1', 'a', 'b'));
});

for (const [name, sequences, expected] of [
  ['numbers that rise are in order', [8, 9, 20], [true, true, true]],
  ['the same number again is not', [8, 8], [true, false]],
  ['a lower one is not, and changes nothing', [20, 9, 21], [true, false, true]],
] as const) {
  test(name, () => {
    const dialog = called();
    const got = sequences.map((sequence) => {
      const request = caller().request('INFO', sequence);
      return dialog.admit(request);
    });
    assert.deepEqual(got, expected);
  });
}

test('a first number of the called side may be anything', () => {
  assert.equal(caller().admit(called().request('BYE', 1)), true);
});

test('the Contact of a later request moves the target; the routes stay', () => {
  const dialog = caller([['Contact', '<sip:bob@10.0.0.2>'], ...routes]);
  const moved = called().request('INVITE', 2, [
    ['Contact', '<sip:bob@10.9.9.9>'],
    ['Record-Route', '<sip:new.test;lr>'],
  ]);
  dialog.refresh(moved);
  assert.equal(dialog.remoteTarget, 'sip:bob@10.9.9.9');
  assert.equal(dialog.routeSet.length, 3);
  assert.equal(dialog.nextHop.host, 'p1.test');
});

test('the 2xx replaces the routes of an early dialog (§13.2.2.4)', () => {
  const request = invite();
  const early = createResponse(request, 180, undefined, {
    headers: [['Contact', '<sip:bob@10.0.0.2>'], ...routes],
    toTag: 'b',
  });
  const dialog = Dialog.uac(request, early);
  dialog.confirm(createResponse(request, 200, undefined, { headers: [['Contact', '<sip:bob@10.0.0.3>']], toTag: 'b' }));
  assert.deepEqual([dialog.routeSet.length, dialog.remoteTarget], [0, 'sip:bob@10.0.0.3']);
});

test('a peer of RFC 2543 without tags has a dialog too', () => {
  const request = createRequest({
    method: 'INVITE',
    uri: 'sip:bob@b.test',
    headers: [
      ['From', '<sip:old@a.test>'],
      ['To', '<sip:bob@b.test>'],
      ['Call-ID', 'c2'],
      ['CSeq', '1 INVITE'],
    ],
  });
  assert.equal(Dialog.uas(request, 'b').id, dialogId('c2', 'b', ''));
});
