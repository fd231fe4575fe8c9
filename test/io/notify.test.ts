import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import koffi from 'koffi';
import { silentLogger } from '../../src/base/index.ts';
import { createNotifier, unixAddress, watchdogEveryMs } from '../../src/io/notify.ts';

/** What systemd is to us: a datagram socket at `path`. `take` is the next datagram, or nothing. */
function listen(t: TestContext, path: string): () => string | undefined {
  const libc = koffi.load('libc.so.6');
  const recv = libc.func('intptr_t recv(int, void *, size_t, int)');
  const fd: number = libc.func('int socket(int, int, int)')(1, 2 | 0o4000, 0);
  const address = unixAddress(path);
  assert.equal(libc.func('int bind(int, const void *, uint32_t)')(fd, address, address.length), 0);
  t.after(() => libc.func('int close(int)')(fd));
  return () => {
    const buffer = Buffer.alloc(4096);
    const count = Number(recv(fd, buffer, buffer.length, 0));
    return count < 0 ? undefined : buffer.toString('utf8', 0, count);
  };
}

for (const kind of ['a path', 'the abstract namespace'] as const) {
  test(`the words reach a socket in ${kind}, each as one datagram`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'hailpoint-notify-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const path = kind === 'a path' ? join(directory, 'notify') : `@hailpoint-test-${process.pid}`;
    const take = listen(t, path);
    const notifier = createNotifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '10000000' }, silentLogger);
    assert.equal(notifier.watchdogEveryMs, 5000);
    notifier.ready('waiting for\na press');
    assert.equal(take(), 'READY=1\nSTATUS=waiting for a press');
    notifier.status('calling control-room');
    assert.equal(take(), 'STATUS=calling control-room');
    notifier.watchdog();
    assert.equal(take(), 'WATCHDOG=1');
    notifier.stopping();
    assert.equal(take(), 'STOPPING=1');
    notifier.close();
    notifier.watchdog();
    assert.equal(take(), undefined);
  });
}

test('nobody listens: warned once, not thrown', () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  const notifier = createNotifier({ NOTIFY_SOCKET: '/nonexistent/notify' }, logger);
  notifier.ready();
  notifier.watchdog();
  notifier.close();
  assert.deepEqual(warnings, ['systemd was not told']);
});

test('not started by systemd: silent, no watchdog', () => {
  const notifier = createNotifier({}, silentLogger);
  assert.equal(notifier.watchdogEveryMs, undefined);
  notifier.ready();
  notifier.close();
});

for (const [name, env, expected] of [
  ['half of what systemd waits', { WATCHDOG_USEC: '20000000', WATCHDOG_PID: '77' }, 10_000],
  ['meant for another process', { WATCHDOG_USEC: '20000000', WATCHDOG_PID: '78' }, undefined],
  ['meant for whoever reads it', { WATCHDOG_USEC: '500000' }, 250],
  ['off', { WATCHDOG_USEC: '0' }, undefined],
  ['nonsense', { WATCHDOG_USEC: '5s' }, undefined],
  ['absent', {}, undefined],
] as const) {
  test(`watchdog: ${name}`, () => assert.equal(watchdogEveryMs(env, 77), expected));
}

for (const path of ['vsock:2:1234', 'relative', `/${'x'.repeat(107)}`]) {
  test(`an address that is none is refused: ${path.slice(0, 20)}`, () => {
    assert.throws(() => createNotifier({ NOTIFY_SOCKET: path }, silentLogger), { code: 'notify-address' });
  });
}
