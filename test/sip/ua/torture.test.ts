/** The RFC 4475 messages at a user agent, one datagram each: the answer it owes them, and none to what is to be dropped. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseMessage, type SipResponse, SipSyntaxError, validate } from '../../../src/sip/message/index.ts';
import { testData } from '../../kit/checkout.ts';
import { CONFIG, hopTo, Peer } from './peer.ts';

interface Verdict {
  name: string;
  file: string;
  endpoint: {
    do: 'respond' | 'process' | 'drop' | 'parse-response';
    any_of?: number[];
    also_tolerable?: number[];
    never?: number[];
    must_include?: string[];
    allow_drop?: boolean;
    liberal_ok?: boolean;
  };
}

const folder = testData('rfc4475');

/** The final answers, or 1xx when the call rings on. */
function answers(peer: Peer, octets: Uint8Array): SipResponse[] {
  try {
    const message = parseMessage(octets);
    validate(message);
    peer.do(peer.ua.receive(message, hopTo('127.66.0.20'), peer.now));
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
    return error.reply === undefined ? [] : [error.reply];
  }
  return peer.take().filter((message) => message.kind === 'response');
}

if (folder === undefined) {
  test('RFC 4475 at a user agent', { skip: 'the test data is not here' });
} else {
  const { messages } = JSON.parse(readFileSync(`${folder}/expectations.json`, 'utf8')) as { messages: Verdict[] };
  for (const { name, file, endpoint } of messages) {
    test(`${name}: ${endpoint.do} ${endpoint.any_of ?? ''}`, () => {
      const peer = new Peer({ ...CONFIG, accounts: [] });
      const given = answers(peer, readFileSync(`${folder}/${file}`));
      const statuses = given.map(({ status }) => status);
      for (const status of statuses) assert.ok(!endpoint.never?.includes(status), `never ${status}`);
      if (endpoint.do === 'drop' || endpoint.do === 'parse-response') assert.deepEqual(statuses, []);
      if (endpoint.do === 'process') assert.ok(statuses.length > 0);
      if (endpoint.do === 'respond' && endpoint.liberal_ok !== true && !(endpoint.allow_drop && given.length === 0)) {
        assert.equal(statuses.length, 1);
        assert.ok([...endpoint.any_of!, ...(endpoint.also_tolerable ?? [])].includes(statuses[0]), String(statuses[0]));
        for (const line of endpoint.must_include ?? []) {
          const [header, value] = line.split(': ');
          assert.ok(value === undefined ? given[0].has(header) : given[0].header(header) === value, line);
        }
      }
      // The user agent lives on.
      peer.ask('OPTIONS');
      assert.deepEqual(peer.lines(), ['200 OPTIONS']);
    });
  }
}
