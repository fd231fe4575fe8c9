/** The self-test of a whole terminal on a virtual card whose loudspeaker its microphone hears, or does not. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { Service } from '../../src/app/index.ts';
import { silentLogger } from '../../src/base/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { ask } from '../../src/control/index.ts';
import { readEvents } from '../../src/journal/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { until } from '../kit/wait.ts';

const address = '127.46.3.1';
const lack = soundcardsLack();
const skip =
  lack === undefined ? false : `${lack} is missing: apt-get install pulseaudio-utils libasound2-plugins alsa-utils`;
let cards: SoundCards;

before(async () => {
  if (lack === undefined) cards = (await SoundCards.start('a', 'b')).enter();
});
after(() => cards?.stop());

async function terminal(t: TestContext, card: string, folder: string): Promise<Service> {
  const file = join(folder, 'terminal.yaml');
  writeFileSync(
    file,
    `terminal: { id: help-07 }
device: { profile: simulated, sound: { driver: alsa, speaker: ${card}, microphone: ${card} } }
sip: { listen: { udp: "${address}:5060" } }
calls: { desk: { steps: [ { ring: "sip:desk@127.46.3.2" } ] } }
buttons: { help: { press: { call: desk } } }
`,
  );
  const service = new Service({
    config: await loadConfig(file),
    stateDirectory: folder,
    socketPath: join(folder, 'control.sock'),
    version: '0',
    logger: silentLogger,
    onChange: () => {},
  });
  await service.start();
  t.after(() => service.stop());
  return service;
}

function folderOf(t: TestContext): string {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  return path;
}

const tests = (folder: string) =>
  readEvents(join(folder, 'journal')).flatMap((event) => (event.type === 'selftest' ? [event] : []));

test('commissioned, passed, then cut off: failed after three tries, and a fault until it passes', {
  skip,
}, async (t) => {
  const folder = folderOf(t);
  await cards.couple('a');
  const first = await terminal(t, 'a', folder);
  const socket = join(folder, 'control.sock');
  assert.deepEqual(await ask(socket, { command: 'selftest', baseline: true }, 30_000), {
    ok: true,
    reason: 'commissioning: kept as it is now',
  });
  assert.ok(existsSync(join(folder, 'selftest.json')));
  const again = await ask(socket, { command: 'selftest' }, 30_000);
  assert.ok(again.ok && /^as at commissioning, \d+ dB clear$/.test(String(again.reason)), JSON.stringify(again));
  const { commissioned, last } = first.status().selftest;
  assert.ok(commissioned?.startsWith('20') && last?.startsWith('passed: as at'), `${commissioned} ${last}`);
  await first.stop();
  const [kept, passed] = tests(folder);
  assert.equal(`${kept.kind} ${kept.result} ${kept.tries}`, 'commissioning passed 1');
  assert.equal(`${passed.kind} ${passed.result} ${passed.tries} by ${passed.by}`, 'test passed 1 by socket');
  assert.ok(Math.abs(Number(passed.gainDb)) < 2 && passed.bandsDb?.length === 6, JSON.stringify(passed));

  // The same terminal, and its microphone hears nothing of its loudspeaker any more.
  const second = await terminal(t, 'b', folder);
  const failed = await ask(socket, { command: 'selftest' }, 40_000);
  assert.deepEqual(failed, {
    ok: false,
    error: 'the microphone gives nothing at all: it is dead, muted or not connected',
  });
  assert.equal(tests(folder).at(-1)?.tries, 3);
  assert.equal(second.status().faults.find(({ fault }) => fault === 'selftest')?.reason, failed.ok ? '' : failed.error);
});

test('a press cuts it at once, and it says so', { skip }, async (t) => {
  const folder = folderOf(t);
  const service = await terminal(t, 'b', folder);
  const socket = join(folder, 'control.sock');
  const asked = ask(socket, { command: 'selftest' }, 30_000);
  await until('the microphone', 3000, () => service.status().sound.microphone === 'open');
  const begin = performance.now();
  await service.command({ verb: 'press', button: 'help' }, 'socket');
  assert.deepEqual(await asked, { ok: false, error: 'a press began' });
  assert.ok(performance.now() - begin < 200);
  assert.equal(tests(folder).at(-1)?.result, 'cut');
  assert.deepEqual(
    service.status().faults.filter(({ fault }) => fault === 'selftest'),
    [],
  );
  assert.deepEqual(await ask(socket, { command: 'selftest' }), { ok: false, error: 'a call goes on' });
});

test('a terminal without a card fails without a sound', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'terminal.yaml');
  await terminal(t, 'b', folder).then((service) => service.stop());
  writeFileSync(file, readFileSync(file, 'utf8').replace(/, sound: .* }$/m, ' }'));
  const service = new Service({
    config: await loadConfig(file),
    stateDirectory: folder,
    socketPath: join(folder, 'control.sock'),
    version: '0',
    logger: silentLogger,
    onChange: () => {},
  });
  await service.start();
  t.after(() => service.stop());
  const answer = await ask(join(folder, 'control.sock'), { command: 'selftest' }, 10_000);
  assert.deepEqual(answer, { ok: false, error: 'there is no sound card' });
});
