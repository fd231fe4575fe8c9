/** Streams cut into messages, whatever the pieces they come in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAM_BODY_MAX_BYTES, STREAM_HEAD_MAX_BYTES, StreamFramer } from '../../../src/sip/transport/framing.ts';

const message = (length: string, body = '', line = 'OPTIONS sip:a SIP/2.0') =>
  `${line}\r\nVia: x\r\n${length}\r\n${body}`;
const PLAIN = message('Content-Length: 0\r\n');
const WITH_BODY = message('l : 7\r\n', 'a\r\n\r\nbc');

function frames(stream: string, piece = stream.length || 1): string[] {
  const framer = new StreamFramer();
  const words: string[] = [];
  for (let at = 0; at < stream.length; at += piece) {
    for (const frame of framer.put(Buffer.from(stream.slice(at, at + piece), 'latin1'))) {
      words.push(frame.kind === 'message' ? `message ${frame.bytes.length}` : frame.kind);
    }
  }
  if (framer.partial) words.push('partial');
  return words;
}

const plain = `message ${PLAIN.length}`;
const body = `message ${WITH_BODY.length}`;

for (const [sentence, stream, expected] of [
  ['one message', PLAIN, [plain]],
  ['two, and a body with an empty line in it', PLAIN + WITH_BODY + PLAIN, [plain, body, plain]],
  ['CRLF between messages is nothing', `\r\n${PLAIN}\r\n${PLAIN}`, [plain, plain]],
  ['CRLF CRLF is a ping', `${PLAIN}\r\n\r\n${PLAIN}`, [plain, 'ping', plain]],
  ['two pings', '\r\n\r\n\r\n\r\n', ['ping', 'ping']],
  ['three CRLF before a message', `\r\n\r\n\r\n${PLAIN}`, ['ping', plain]],
  ['a lone CRLF waits and is no message', '\r\n', []],
  ['half a head', PLAIN.slice(0, 20), ['partial']],
  ['half a body', WITH_BODY.slice(0, -1), ['partial']],
  ['a folded Content-Length', message('Content-Length:\r\n 2\r\n', 'ab'), ['message 56']],
  ['no Content-Length and no body', message(''), ['message 33']],
  ['a response', message('l:0\r\n', '', 'SIP/2.0 200 OK'), ['message 31']],
  ['a body without Content-Length', message('c: text/plain\r\n', 'x'), ['fault']],
  ['a negative Content-Length', message('Content-Length: -1\r\n'), ['fault']],
  ['a Content-Length in words', message('Content-Length: five\r\n'), ['fault']],
  ['two of them', message('l: 0\r\nContent-Length: 0\r\n'), ['fault']],
  ['a body beyond the cap', message(`l: ${STREAM_BODY_MAX_BYTES + 1}\r\n`), ['fault']],
  ['another protocol', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', ['fault']],
  ['nothing after a fault', `${message('l: x\r\n')}${PLAIN}`, ['fault']],
  ['a head that never ends', `OPTIONS sip:a SIP/2.0\r\nX: ${'x'.repeat(STREAM_HEAD_MAX_BYTES)}`, ['fault']],
] as const) {
  test(`framing: ${sentence}`, () => {
    assert.deepEqual(frames(stream), expected);
    if (stream.length > 1000) return;
    for (const piece of [1, 2, 3, 7]) assert.deepEqual(frames(stream, piece), expected, `in pieces of ${piece}`);
  });
}
