import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { silentLogger } from '../../../src/base/index.ts';
import { createGpio } from '../../../src/io/gpio/index.ts';

const simulated = { driver: 'simulated' } as const;

async function board() {
  const told: string[] = [];
  const gpio = createGpio(
    { inputs: { help: simulated, lamp: simulated }, outputs: { called: simulated, lamp: simulated } },
    ({ input, active }) => told.push(`${active ? 'press' : 'release'} ${input}`),
    (name) => assert.fail(`fault of ${name}`),
    silentLogger,
  );
  await turn();
  return { gpio, told };
}

test('a press by software lasts as long as asked, 200 ms otherwise', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const { gpio, told } = await board();
  gpio.press('help');
  assert.equal(gpio.state().help, true);
  mock.timers.tick(199);
  assert.deepEqual(told, ['press help']);
  mock.timers.tick(1);
  assert.deepEqual(told, ['press help', 'release help']);
  gpio.press('help', 1000);
  mock.timers.tick(999);
  gpio.press('help', 1000);
  mock.timers.tick(999);
  assert.deepEqual(told.slice(2), ['press help'], 'pressed again while held: held for longer');
  mock.timers.tick(1);
  assert.deepEqual(told.slice(2), ['press help', 'release help']);
  assert.throws(() => gpio.press('help', Number.NaN), { code: 'gpio-no-button' });
  await gpio.close();
});

test('lamps are remembered, apart from a button of the same name', async () => {
  const { gpio } = await board();
  gpio.setOutput('called', true);
  gpio.setOutput('lamp', true);
  assert.deepEqual(gpio.state(), { help: false, lamp: false, called: true, 'lamp (output)': true });
  await gpio.close();
  assert.equal(gpio.state().called, false);
});

test('closed while pressed: no timer is left, no release comes', async () => {
  const { gpio, told } = await board();
  gpio.press('help', 60_000);
  await gpio.close();
  gpio.press('help');
  assert.deepEqual(told, ['press help']);
});
