/**
 * What must become of hard messages: twins of our own of each case of RFC 4475 (same trouble, own text), and the messages of
 * the RFC themselves where they are at hand.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  equalUris,
  formatMessage,
  parseMessage,
  type SipMessage,
  type SipRequest,
  SipSyntaxError,
  unescapeUri,
  validate,
} from '../../../src/sip/message/index.ts';
import { checkout, testData } from '../../kit/checkout.ts';

/** `sound`, the status it is refused with, or `dropped`: refused without any answer. */
type Verdict = 'sound' | 'dropped' | number;

function judge(bytes: Uint8Array): { verdict: Verdict; message?: SipMessage } {
  try {
    const message = parseMessage(bytes);
    validate(message);
    return { verdict: 'sound', message };
  } catch (error) {
    assert.ok(error instanceof SipSyntaxError, `threw ${error}`);
    return { verdict: error.reply?.status ?? 'dropped' };
  }
}

const twin = (name: string): Buffer => readFileSync(join(checkout, 'test/fixtures/sip', `${name}.sip`));

function sound(name: string): SipRequest {
  const { message } = judge(twin(name));
  assert.equal(message?.kind, 'request');
  return message as SipRequest;
}

for (const [name, sentence, verdict] of [
  ['wsinv', 'folds and blanks at every place that allows them', 'sound'],
  ['intmeth', 'every odd character a method, URI, token and display name may hold', 'sound'],
  ['esc01', 'escapes in user parts and parameters', 'sound'],
  ['escnull', 'an escaped NUL cuts nothing', 'sound'],
  ['esc02', 'a percent sign that escapes nothing', 'sound'],
  ['lwsdisp', 'no blank between display name and <', 'sound'],
  ['longreq', 'long values and forty Vias', 'sound'],
  ['dblreq', 'a second request behind the body', 'sound'],
  ['semiuri', 'a semicolon in the user part', 'sound'],
  ['transports', 'transports nobody knows', 'sound'],
  ['mpart01', 'a body with NUL, bare CR and bare LF', 'sound'],
  ['unreason', 'a reason phrase with UTF-8 and punctuation', 'sound'],
  ['noreason', 'no reason phrase', 'sound'],
  ['badinv01', 'separators with nothing between them', 400],
  ['clerr', 'Content-Length beyond the datagram', 400],
  ['ncl', 'a negative Content-Length', 400],
  ['scalar02', 'a CSeq number beyond 32 bits', 400],
  ['scalarlg', 'a response with a CSeq number beyond 32 bits', 'dropped'],
  ['quotbal', 'a quoted string without end', 400],
  ['ltgtruri', 'angle brackets around the Request-URI', 400],
  ['lwsruri', 'a blank in the Request-URI', 400],
  ['lwsstart', 'two blanks in the request line', 400],
  ['trws', 'a blank at the end of the request line', 400],
  ['escruri', 'header fields in the Request-URI', 'sound'],
  ['baddate', 'a date that is none', 'sound'],
  ['regbadct', 'a URI with ? outside angle brackets', 400],
  ['badaspec', 'blanks inside angle brackets', 'sound'],
  ['baddn', 'a comma in an unquoted display name', 400],
  ['badvers', 'a version we do not speak', 505],
  ['mismatch01', 'CSeq names another method', 400],
  ['mismatch02', 'CSeq names another method than an unknown one', 400],
  ['bigcode', 'a status that would be 200 in 32 bits', 'dropped'],
  ['badbranch', 'a branch that is only the cookie', 'sound'],
  ['insuf', 'neither From nor To nor Call-ID', 400],
  ['unkscm', 'a Request-URI of an unknown scheme', 'sound'],
  ['novelsc', 'a Request-URI of a scheme with a dot', 'sound'],
  ['unksm2', 'other schemes in To, From and Contact', 'sound'],
  ['bext01', 'Require with what nobody supports', 'sound'],
  ['invut', 'an unknown content type', 'sound'],
  ['regaut01', 'an unknown authorization scheme', 'sound'],
  ['multi01', 'two of each field that may stand once', 400],
  ['mcl01', 'two values of Content-Length', 400],
  ['bcast', 'a response with a second Via', 'sound'],
  ['zeromf', 'Max-Forwards 0', 'sound'],
  ['cparam01', 'a parameter of the Contact', 'sound'],
  ['cparam02', 'a parameter of the URI in the Contact', 'sound'],
  ['regescrt', 'a header field in the URI of the Contact', 'sound'],
  ['sdp01', 'an Accept without SDP', 'sound'],
  ['inv2543', 'an INVITE of RFC 2543', 'sound'],
] as const) {
  test(`twin of ${name}: ${sentence}: ${verdict}`, () => assert.equal(judge(twin(name)).verdict, verdict));
}

for (const [sentence, name, check] of [
  [
    'folded values read as one line',
    'wsinv',
    (m) => {
      assert.equal(m.header('X-Long'), 'one two three');
      assert.equal(m.from.displayName, 'Desk "\\"');
      assert.equal(m.fromTag, 'd77');
      assert.equal(m.toTag, 'g77');
      assert.deepEqual(m.cseq, { sequence: 12, method: 'INVITE' });
      assert.deepEqual(
        m.vias.map(({ transport, host, port }) => [transport, host, port]),
        [
          ['UDP', '127.0.2.30', undefined],
          ['TCP', 'second.example.com', undefined],
          ['UDP', 'third.example.com', 5070],
        ],
      );
      assert.equal(m.vias[2].params.get('branch'), 'z9hG4bK-third');
      assert.equal(m.contacts[0].params.get('odd'), 'one');
      assert.equal(m.contacts[0].params.get('q'), '0.5');
      assert.equal(m.maxForwards, 70);
    },
  ],
  [
    'control octets in quoted pairs are kept',
    'intmeth',
    (m) => assert.equal(m.to.displayName, 'bell \x07 null \x00 del \x7f'),
  ],
  [
    'an escape is undone once',
    'esc01',
    (m) => {
      assert.equal(unescapeUri(m.parsedUri().user!), 'sip:gate@inner.example.com');
      assert.equal(unescapeUri(m.contacts[0].uri.params.get('colour')!), 'red%41');
      assert.equal(unescapeUri(m.from.uri.user!), 'the desk');
    },
  ],
  ['one NUL is not two', 'escnull', (m) => assert.ok(!equalUris(m.contacts[0].uri, m.contacts[1].uri))],
  [
    'an escaped name is another name',
    'esc02',
    (m) => {
      assert.equal(m.contacts.length, 2);
      assert.equal(m.to.displayName, '%4Z%41');
      assert.equal(m.method, 'OPT%49ONS');
    },
  ],
  ['forty-one Vias', 'longreq', (m) => assert.equal(m.vias.length, 41)],
  ['what follows the body is not read', 'dblreq', (m) => assert.equal(m.body.length, 0)],
  [
    'the user part goes up to the @',
    'semiuri',
    (m) => {
      assert.equal(unescapeUri(m.parsedUri().user!), 'gate;door=north@inner.example.com');
      assert.equal(m.parsedUri().params.size, 0);
    },
  ],
  ['the body is cut by octets', 'mpart01', (m) => assert.equal(m.body.length, m.contentLength)],
  ['the parameter belongs to the Contact', 'cparam01', (m) => assert.equal(m.contacts[0].params.get('shade'), 'green')],
  ['the parameter belongs to the URI', 'cparam02', (m) => assert.equal(m.contacts[0].uri.params.get('shade'), 'green')],
  ['header fields of the Request-URI stay there', 'escruri', (m) => assert.equal(m.header('Route'), undefined)],
  ['a Contact of another scheme is whole', 'unksm2', (m) => assert.equal(m.contacts[0].uri.opaque, 'desk@example.com')],
] as [string, string, (m: SipRequest) => void][]) {
  test(`twin of ${name}: ${sentence}`, () => check(sound(name)));
}

test('what was sound stays the same through format and parse', () => {
  for (const name of ['wsinv', 'intmeth', 'esc01', 'mpart01', 'longreq', 'unreason', 'inv2543']) {
    const first = parseMessage(twin(name));
    const second = parseMessage(formatMessage(first));
    assert.equal(second.startLine, first.startLine);
    assert.deepEqual(
      second.lines().filter(([key]) => key !== 'Content-Length'),
      first.lines().filter(([key]) => key !== 'Content-Length'),
    );
    assert.deepEqual(Buffer.from(second.body), Buffer.from(first.body));
  }
});

test('a 400 carries what could be read, and a tag', () => {
  try {
    parseMessage(twin('clerr'));
    assert.fail('it was accepted');
  } catch (error) {
    const { reply } = error as SipSyntaxError;
    assert.equal(reply?.via.params.get('branch'), 'z9hG4bK-twin-clerr');
    assert.equal(reply?.callId, 'twin-clerr@127.0.2.30');
    assert.match(reply?.toTag ?? '', /^\w{7,}$/);
  }
});

interface Expectation {
  name: string;
  file: string;
  parser: string;
  endpoint: { any_of?: number[]; any_of_error?: number[]; allow_drop?: boolean };
}

const folder = testData('rfc4475');
test('the messages of RFC 4475', { skip: folder === undefined && 'no third-party test data here' }, async (t) => {
  const { messages } = JSON.parse(readFileSync(join(folder!, 'expectations.json'), 'utf8')) as {
    messages: Expectation[];
  };
  assert.equal(messages.length, 49);
  for (const { name, file, parser, endpoint } of messages) {
    await t.test(`${name}: ${parser}`, () => {
      const { verdict } = judge(readFileSync(join(folder!, file)));
      const statuses = [...(endpoint.any_of ?? []), ...(endpoint.any_of_error ?? [])];
      const refused = typeof verdict === 'number' && statuses.includes(verdict);
      const dropped = verdict === 'dropped' && (endpoint.allow_drop ?? false);
      switch (parser) {
        case 'must-accept':
        case 'should-accept':
          assert.equal(verdict, 'sound');
          break;
        case 'must-reject':
          assert.ok(refused || dropped, `verdict ${verdict}`);
          break;
        case 'must-discard':
          assert.equal(verdict, 'dropped');
          break;
        default:
          assert.ok(verdict === 'sound' || refused || dropped, `verdict ${verdict}`);
      }
    });
  }
});

const invites = testData('pbx-invites');
test('INVITEs of PBXs in the field are sound', {
  skip: invites === undefined && 'no third-party test data here',
}, () => {
  const { messages } = JSON.parse(readFileSync(join(invites!, 'index.json'), 'utf8')) as {
    messages: { file: string }[];
  };
  assert.ok(messages.length > 20);
  for (const { file } of messages) assert.equal(judge(readFileSync(join(invites!, file))).verdict, 'sound', file);
});
