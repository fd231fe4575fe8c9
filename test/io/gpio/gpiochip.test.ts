import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { silentLogger } from '../../../src/base/index.ts';
import { createGpio, type Edge, type Gpio, type LineConfig } from '../../../src/io/gpio/index.ts';
import { FakeKernel } from './fake-kernel.ts';

const chipLine = (line: string | number, more: object = {}): LineConfig => ({
  driver: 'gpiochip',
  chip: 'pinctrl-bcm2711',
  line,
  active: 'low',
  debounceMs: 30,
  ...more,
});

let kernel: FakeKernel;
let gpio: Gpio | undefined;
/** What was told: `press help`, `release help`, `found help`, `fault help: ...`, `cleared help: ...`. */
let told: string[];
let edges: Edge[];

function start(inputs: Record<string, LineConfig>, outputs: Record<string, LineConfig> = {}): Gpio {
  gpio = createGpio(
    { inputs, outputs },
    (edge) => {
      edges.push(edge);
      told.push(`${edge.initial ? 'found' : edge.active ? 'press' : 'release'} ${edge.input}`);
    },
    (name, raised, reason) => told.push(`${raised ? 'fault' : 'cleared'} ${name}: ${reason}`),
    silentLogger,
    kernel,
  );
  return gpio;
}

beforeEach(() => {
  kernel = new FakeKernel();
  told = [];
  edges = [];
});

afterEach(async () => {
  await gpio?.close();
  gpio = undefined;
  mock.timers.reset();
  assert.equal(kernel.open_.size, 0, 'no descriptor is left open');
});

test('edges come in order, with the kernel time turned to the clock of performance.now()', async () => {
  start({ help: chipLine('GPIO17') });
  await turn();
  kernel.edges(17, [true, false, true]);
  assert.deepEqual(told, ['press help', 'release help', 'press help']);
  assert.ok(Math.abs(edges[0].atMs - performance.now()) < 50, `${edges[0].atMs} is now`);
});

test('the request says what the profile says', () => {
  start(
    { help: chipLine('GPIO17', { bias: 'pull-up' }), info: chipLine(4, { active: 'high', debounceMs: 0 }) },
    { called: chipLine('22', { active: 'high' }) },
  );
  const request = (offset: number) => kernel.lines[offset].open?.request;
  assert.deepEqual(request(17), {
    offset: 17,
    activeLow: true,
    use: { kind: 'input', bias: 'pull-up', debounceUs: 30_000 },
  });
  assert.deepEqual(request(4), {
    offset: 4,
    activeLow: false,
    use: { kind: 'input', bias: undefined, debounceUs: 0 },
  });
  assert.deepEqual(request(22), { offset: 22, activeLow: false, use: { kind: 'output', on: false } });
});

test('a button held at the start is found, not pressed, and its release is seen', async () => {
  kernel.lines[17].active = true;
  start({ help: chipLine('GPIO17') });
  assert.deepEqual(told, [], 'nothing is told before createGpio has returned');
  await turn();
  await turn();
  kernel.edges(17, [false]);
  assert.deepEqual(told, ['found help', 'release help']);
});

for (const [name, arrange, line, reason] of [
  [
    'no chip at all',
    () => (kernel.plugged = false),
    'GPIO17',
    /"pinctrl-bcm2711" for the line GPIO17: there is no GPIO chip/,
  ],
  [
    'another chip',
    () => {},
    { chip: 'pinctrl-rp1' },
    /"pinctrl-rp1" .* there is pinctrl-bcm2711 \(\/dev\/gpiochip0\): name one/,
  ],
  [
    'no permission',
    () => (kernel.permitted = false),
    'GPIO17',
    /\/dev\/gpiochip0.* GPIO17: no permission; .* group .*"gpio"/,
  ],
  [
    'a chip by a path that is not there',
    () => {},
    { chip: '/dev/gpiochip9' },
    /"\/dev\/gpiochip9".* there is pinctrl-bcm2711/,
  ],
  [
    'no such line',
    () => {},
    'GPIO99',
    /the line GPIO99 on pinctrl-bcm2711 \(\/dev\/gpiochip0\): it has the offsets 0 to 27/,
  ],
  ['an offset too far', () => {}, 28, /the line 28 on .* 0 to 27/],
  [
    'a line in use',
    () => (kernel.lines[17].holder = 'gpiomon'),
    'GPIO17',
    /GPIO17 of pinctrl-bcm2711 .* held by "gpiomon"/,
  ],
] as const) {
  test(`${name}: a fault that names the line and the mend`, async () => {
    arrange();
    start({ help: typeof line === 'object' ? chipLine('GPIO17', line) : chipLine(line) });
    await turn();
    assert.equal(told.length, 1);
    assert.match(told[0], /^fault help: Cannot /);
    assert.match(told[0], reason);
  });
}

test('a line in use is tried again each second, and the other button works meanwhile', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  kernel.lines[17].holder = 'gpiomon';
  start({ help: chipLine('GPIO17'), info: chipLine('GPIO27') });
  await turn();
  kernel.edges(27, [true]);
  assert.deepEqual(
    told.map((line) => line.split(':')[0]),
    ['fault help', 'press info'],
  );
  mock.timers.tick(1000);
  assert.equal(told.length, 2, 'the same fault is told once');
  kernel.lines[17].holder = undefined;
  mock.timers.tick(1000);
  assert.equal(told[2], 'cleared help: GPIO17 of pinctrl-bcm2711 (/dev/gpiochip0) is back');
  kernel.edges(17, [true]);
  assert.equal(told[3], 'press help');
});

test('a chip that is unplugged: faults, a held button is released, the lamp is lit again on return', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const board = start({ help: chipLine('GPIO17') }, { called: chipLine('GPIO22') });
  await turn();
  board.setOutput('called', true);
  kernel.edges(17, [true]);
  kernel.unplug();
  assert.deepEqual(told.slice(0, 2), ['press help', 'release help']);
  assert.match(told[2], /^fault help: Lost GPIO17 of pinctrl-bcm2711 .*unplugged/);
  assert.match(told[3], /^fault called: Lost GPIO22 of pinctrl-bcm2711/);
  assert.equal(told.length, 4);
  board.setOutput('called', false);
  board.setOutput('called', true);
  kernel.lines[22].active = false;
  kernel.lines[17].active = true;
  kernel.plugged = true;
  mock.timers.tick(1000);
  assert.deepEqual(
    told
      .slice(4)
      .map((line) => line.split(':')[0])
      .sort(),
    ['cleared called', 'cleared help', 'found help'],
  );
  assert.equal(kernel.lines[22].active, true);
});

test('where the kernel will not debounce, we do: a glitch is none, a press is one', async () => {
  kernel.debounces = false;
  start({ help: chipLine('GPIO17', { debounceMs: 20 }) });
  await turn();
  assert.deepEqual(kernel.lines[17].open?.request.use, { kind: 'input', bias: undefined, debounceUs: 0 });
  kernel.edges(17, [true, false]);
  await sleep(40);
  assert.deepEqual(told, []);
  kernel.edges(17, [true, false, true]);
  await sleep(60);
  assert.deepEqual(told, ['press help']);
});

test('events that the kernel dropped do not leave a button pressed', async () => {
  start({ help: chipLine('GPIO17') });
  await turn();
  kernel.edges(17, [true]);
  kernel.edges(17, [true, false], undefined, 7);
  assert.deepEqual(told, ['press help', 'release help']);
});

test('closing puts the lamps out and gives the lines back; then nothing comes any more', async () => {
  const board = start({ help: chipLine('GPIO17') }, { called: chipLine('GPIO22') });
  await turn();
  board.setOutput('called', true);
  assert.equal(kernel.lines[22].active, true);
  await board.close();
  assert.equal(kernel.lines[22].active, false);
  assert.equal(kernel.open_.size, 0);
  kernel.edges(17, [true]);
  assert.deepEqual(told, []);
});

test('a lamp that is not there cannot be lit', () => {
  const board = start({ help: chipLine('GPIO17') });
  assert.throws(() => board.setOutput('lamp', true), { code: 'gpio-no-line' });
});
