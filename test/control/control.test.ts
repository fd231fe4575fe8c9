/** The control socket: a real one, in a directory of the test's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import { ask, type ControlRequest, ControlServer, type Follow, talk } from '../../src/control/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';

async function served(t: TestContext, follow?: Follow) {
  const { path: folder, remove } = temporaryDirectory();
  const path = join(folder, 'control.sock');
  const asked: ControlRequest[] = [];
  const server = new ControlServer(
    path,
    (request) => {
      asked.push(request);
      return request.command === 'follow' ? { answer: { ok: true }, follow } : { answer: { ok: false, error: 'no' } };
    },
    silentLogger,
  );
  await server.start();
  t.after(async () => {
    await server.stop();
    remove();
  });
  return { path, server, asked };
}

/** Writes raw bytes, gives all that comes back until the server closes or a line has come. */
function raw(path: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.endsWith('\n')) socket.destroy();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

test('programs that hang half way keep nobody out; who follows is left alone', async (t) => {
  const { path } = await served(t, () => () => {});
  const opened = async (bytes: string): Promise<Socket> => {
    const socket = connect(path);
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(bytes);
    return socket;
  };
  const follower = await opened('{"command":"follow"}\n');
  await once(follower, 'data');
  const hung: Socket[] = [];
  for (let i = 0; i < 31; i++) hung.push((await opened('{"comm')).resume());
  const cut = once(hung[0]!, 'close');
  assert.match(await raw(path, '{"command":"x"}\n'), /"error":"no"/);
  await cut;
  assert.ok(!follower.destroyed && !hung[1]!.destroyed);
  for (let i = 0; i < 31; i++) await once(await opened('{"command":"follow"}\n'), 'data');
  assert.match(await raw(path, '{"command":"x"}\n'), /too many clients/);
});

test('a request reaches the service, its answer comes back', async (t) => {
  const { path, asked } = await served(t);
  assert.deepEqual(await ask(path, { command: 'press', button: 'help' }), { ok: false, error: 'no' });
  assert.deepEqual(asked, [{ command: 'press', button: 'help' }]);
});

test('only the owner and the group may open it', async (t) => {
  const { path } = await served(t);
  assert.equal(statSync(path).mode & 0o777, 0o660);
});

for (const [name, bytes, answer] of [
  ['rubbish is answered', 'rubbish\n', { ok: false, error: 'not a line of JSON' }],
  ['a line without a command is answered', '{"a":1}\n', { ok: false, error: 'the line names no command' }],
  ['null is answered', 'null\n', { ok: false, error: 'the line names no command' }],
  ['a line without an end is cut off', 'x'.repeat(70_000), { ok: false, error: 'a line of more than 65536 bytes' }],
] as const)
  test(name, async (t) => {
    const { path } = await served(t);
    assert.deepEqual(JSON.parse(await raw(path, bytes)), answer);
    assert.deepEqual(await ask(path, { command: 'x' }), { ok: false, error: 'no' }, 'the next one is served');
  });

test('a follower gets each line, and is forgotten when it leaves', async (t) => {
  let tell: ((line: object) => void) | undefined;
  let left: () => void;
  const gone = new Promise<void>((resolve) => {
    left = resolve;
  });
  const { path } = await served(t, (listener) => {
    tell = listener;
    return () => left();
  });
  const lines: object[] = [];
  await new Promise<void>((resolve, reject) => {
    const leave = talk(
      path,
      { command: 'follow' },
      (line) => {
        lines.push(line);
        if (lines.length === 1) setImmediate(() => tell!({ n: 1 }));
        else {
          leave();
          resolve();
        }
      },
      reject,
    );
  });
  assert.deepEqual(lines, [{ ok: true }, { n: 1 }]);
  await gone;
});

test('nobody there: the error names the path', async () => {
  await assert.rejects(ask('/tmp/no-such/control.sock', { command: 'status' }), {
    code: 'not-running',
    message: /^No hailpoint answers at \/tmp\/no-such\/control.sock/,
  });
});

test('a socket left over by a dead service is replaced, a live one is not', async (t) => {
  const { path, server } = await served(t);
  const second = new ControlServer(path, () => ({ answer: { ok: true } }), silentLogger);
  await assert.rejects(second.start(), { code: 'control-busy' });
  await server.stop();
  // A killed process leaves its socket behind: a listener that is closed without unlinking does the same.
  const leftOver = createServer();
  await new Promise<void>((resolve) => leftOver.listen(path, resolve));
  const { unlinkSync, linkSync } = await import('node:fs');
  linkSync(path, `${path}.kept`);
  await new Promise((resolve) => leftOver.close(resolve));
  if (!existsSync(path)) linkSync(`${path}.kept`, path);
  unlinkSync(`${path}.kept`);
  await second.start();
  assert.deepEqual(await ask(path, { command: 'x' }), { ok: true });
  await second.stop();
});
