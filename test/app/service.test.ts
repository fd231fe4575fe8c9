/** The wiring: the whole service in this process, with no sound, no broker and nobody to call. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Service, type ServiceOptions } from '../../src/app/service.ts';
import { silentLogger } from '../../src/base/index.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { ask } from '../../src/control/index.ts';
import { readEvents } from '../../src/journal/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';

const address = '127.32.0.5';

async function service(t: TestContext, more = '', options: Pick<ServiceOptions, 'onReload' | 'pressed'> = {}) {
  const { path: folder, remove } = temporaryDirectory();
  const file = join(folder, 'terminal.yaml');
  writeFileSync(
    file,
    `terminal: { id: help-07 }
device: simulated
sip: { listen: { udp: "${address}:5060" }, accounts: { pbx: { address: "sip:a@127.32.0.6", password: x } } }
buttons: { help: { press: { hangup: true } } }
${more}`,
  );
  const socket = join(folder, 'control.sock');
  const made = new Service({
    config: await loadConfig(file),
    stateDirectory: folder,
    socketPath: socket,
    version: '0',
    logger: silentLogger,
    ...options,
    onChange: () => void changes.push(made.status().buttons.help!.pressed),
  });
  const changes: boolean[] = [];
  t.after(async () => {
    await made.stop();
    remove();
  });
  return { service: made, file, socket, folder, changes, events: () => readEvents(join(folder, 'journal')) };
}

test('what the time brings is a change of the status, like what comes from outside', async (t) => {
  const { service: one, changes } = await service(t);
  await one.start();
  await one.command({ verb: 'press', button: 'help', forMs: 100 }, 'socket');
  await until('the button to be let go', 2000, () => changes.includes(true) && changes.at(-1) === false);
});

test('a stop in the middle of the start ends what was started; a second one waits for the first', async (t) => {
  const { service: one, socket, events } = await service(t);
  const started = one.start();
  await Promise.all([one.stop(), one.stop()]);
  await started;
  assert.deepEqual(
    events().flatMap((event) => (event.type === 'config' ? event.state : [])),
    ['started', 'stopped'],
  );
  await assert.rejects(ask(socket, { command: 'status' }), { code: 'not-running' });
});

test('a reload goes on with what was found sound, and leaves a file with mistakes alone', async (t) => {
  const sound: Config[] = [];
  const { service: one, file } = await service(t, '', { onReload: (config) => sound.push(config) });
  await one.start();
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, `${text}\nnonsense: 1\n`);
  assert.equal((await one.command({ verb: 'reload' }, 'socket')).ok, false);
  assert.equal(sound.length, 0);
  writeFileSync(file, `${text}\naudio: { volume: 33 }\n`);
  assert.equal((await one.command({ verb: 'reload' }, 'socket')).ok, true);
  await until('the reload', 3000, () => sound.length === 1);
  assert.equal(sound.at(0)?.media.volume, 33);
});

test('who presses while a reload makes room is not forgotten', async (t) => {
  let reloads = 0;
  const { service: one } = await service(t, '', { onReload: () => reloads++ });
  await one.start();
  await one.command({ verb: 'reload' }, 'socket');
  await until('the reload', 3000, () => reloads === 1);
  const stopped = one.stop();
  assert.equal((await one.command({ verb: 'press', button: 'help' }, 'socket')).ok, true);
  await stopped;
  assert.deepEqual(one.pressed, ['help']);
  const { service: next, events } = await service(t, '', { pressed: one.pressed });
  await next.start();
  const presses = events().filter(({ type }) => type === 'press' || type === 'release');
  assert.deepEqual(
    presses.map(({ type }) => type),
    ['press', 'release'],
  );
});

test('an account is in the status before its server has answered', async (t) => {
  const { service: one } = await service(t);
  await one.start();
  assert.equal(one.status().registrations.pbx?.registered, false);
});

test('what cannot be dialled or played is refused, and no fault stays behind', async (t) => {
  const { service: one, socket } = await service(t);
  await one.start();
  for (const target of ['100', 'tel:100', 'sip:']) {
    const answer = await ask(socket, { command: 'dial', target });
    assert.ok(!answer.ok && answer.error.includes(target.replace(/:100$/, ':')), target);
  }
  for (const file of ['/nonexistent.wav', '/dev/null']) {
    const answer = await ask(socket, { command: 'play', file });
    assert.ok(!answer.ok && answer.error.includes(file), file);
  }
  const { calls, faults } = one.status();
  assert.deepEqual([calls, faults], [[], []]);
});

test('a prompt that is no sound is a fault from the start', async (t) => {
  const { service: one, folder } = await service(
    t,
    'calls: { room: { prompt: terminal.yaml, steps: [ { ring: "sip:127.32.0.7" } ] } }',
  );
  await one.start();
  const [fault] = one.status().faults;
  assert.equal(fault?.fault, 'prompt:terminal.yaml');
  assert.ok(fault.reason.includes(folder), readFileSync(join(folder, 'terminal.yaml'), 'utf8'));
});

test('a page that cannot be had is a fault, and holds up no start', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(8080, address, resolve));
  t.after(() => taken.close());
  const { service: one } = await service(t, `web: { listen: "${address}:8080" }`);
  await one.start();
  assert.deepEqual(
    one.status().faults.map(({ fault }) => fault),
    ['web'],
  );
});

test('a SIP port that is taken is a fault; presses are events all the same, and it listens once the port is free', async (t) => {
  const taken = createSocket('udp4');
  await new Promise<void>((resolve) => taken.bind(5060, address, resolve));
  const { service: one, events } = await service(t);
  await one.start();
  assert.deepEqual(
    one.status().faults.map(({ fault }) => fault),
    ['sip'],
  );
  await one.command({ verb: 'press', button: 'help' }, 'socket');
  assert.ok(events().some((event) => event.type === 'press' && event.button === 'help'));
  await new Promise<void>((resolve) => taken.close(resolve));
  await until('the fault to be cleared', 5000, () => one.status().faults.every(({ fault }) => fault !== 'sip'));
});
