/** The web page's server, over real HTTP. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import { Journal } from '../../src/journal/index.ts';
import type { Command } from '../../src/terminal/index.ts';
import { createWeb } from '../../src/web/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';

const port = 18_127;

async function served(t: TestContext): Promise<{ commands: Command[]; journal: Journal }> {
  const { path, remove } = temporaryDirectory();
  const journal = new Journal({ directory: path, logger: silentLogger });
  const commands: Command[] = [];
  const handlers = {
    command: (command: Command) => {
      commands.push(command);
      return command.verb === 'press' && command.button === 'help'
        ? { ok: true }
        : { ok: false, reason: 'no such button' };
    },
    status: () => ({ state: 'idle' }),
  };
  const web = await createWeb({ listen: { host: '127.0.0.1', port } }, handlers, journal, silentLogger);
  t.after(async () => {
    await web.stop();
    journal.close();
    remove();
  });
  return { commands, journal };
}

function call(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve([response.statusCode!, text]));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const json = { 'Content-Type': 'application/json' };

test('the page, the status, a command', async (t) => {
  const { commands } = await served(t);
  const [status, page] = await call('GET', '/');
  assert.equal(status, 200);
  assert.match(page, /^<!doctype html>/);
  assert.deepEqual(await call('GET', '/status'), [200, '{"state":"idle"}']);
  assert.deepEqual(await call('POST', '/command', json, '{"command":"press","button":"help"}'), [200, '{"ok":true}']);
  assert.deepEqual(commands, [{ verb: 'press', button: 'help' }]);
});

for (const [name, path, headers, body, status] of [
  ['a refused command says why', '/command', json, '{"command":"press","button":"x"}', 409],
  ['an unknown command', '/command', json, '{"command":"explode"}', 400],
  ['no JSON', '/command', json, 'rubbish', 400],
  ['a form of another site', '/command', { 'Content-Type': 'text/plain' }, '{"command":"hangup"}', 415],
  ['another origin', '/command', { ...json, Origin: 'http://evil.example' }, '{"command":"hangup"}', 403],
  ['a name pointed at us', '/command', { ...json, Host: 'evil.example' }, '{"command":"hangup"}', 403],
  [
    'a refused command, its type written in full',
    '/command',
    { 'Content-Type': 'Application/JSON; charset=utf-8' },
    '{"command":"press","button":"x"}',
    409,
  ],
  ['a command without end', '/command', json, ' '.repeat(50_000), 413],
  ['no such page', '/nowhere', json, '', 404],
] as const)
  test(`${name}: ${status}`, async (t) => {
    const { commands } = await served(t);
    const [answer, text] = await call('POST', path, headers, body);
    assert.equal(answer, status);
    assert.equal(JSON.parse(text).ok, false);
    if (status !== 409) assert.deepEqual(commands, []);
  });

test('the stream brings what was, what is, and what happens', async (t) => {
  const { journal } = await served(t);
  journal.append({ type: 'fault', fault: 'old', state: 'raised', reason: '' });
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/stream', agent: false }, (response) => {
      let seen = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (seen === '')
          setImmediate(() => journal.append({ type: 'fault', fault: 'new', state: 'raised', reason: '' }));
        seen += chunk;
        if (/"new"[\s\S]*event: status/.test(seen)) {
          response.destroy();
          resolve(seen);
        }
      });
    });
    sent.on('error', reject);
    sent.end();
  });
  assert.match(text, /event: event\ndata: .*"old".*\n\nevent: status\ndata: {"state":"idle"}\n\n[\s\S]*"new"/);
});
