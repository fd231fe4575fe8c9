/** The gpio room on a real kernel's simulated chip: lines, bias, debounce, time stamps, and a chip that comes and goes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Following, install, installed, Machine, noMachine } from '../kit/machine.ts';

interface Line {
  input?: string;
  active?: boolean;
  initial?: boolean;
  ageMs?: number;
  fault?: string;
  raised?: boolean;
  reason?: string;
  ready?: boolean;
}

const chip = { driver: 'gpiochip', chip: 'pinctrl-bcm2711', active: 'low', bias: 'pull-up', debounceMs: 30 };
const lamp = { driver: 'gpiochip', chip: 'gpiochip0', active: 'high', debounceMs: 0 };
const wiring = {
  inputs: {
    help: { ...chip, line: 'GPIO17' },
    info: { ...chip, line: 27 },
    held: { ...chip, bias: undefined, line: 'GPIO5' },
  },
  outputs: { called: { ...lamp, line: 'GPIO22' }, relay: { ...lamp, line: '23', active: 'low' } },
};

test('the gpio room on a simulated chip', { skip: noMachine, timeout: 240_000 }, async (t) => {
  const machine = await Machine.boot('gpio');
  t.after(() => machine.stop());
  const installMs = await install(machine, { tests: true });
  t.diagnostic(`boot ${machine.bootMs} ms, install ${installMs} ms`);

  const closers: (() => Promise<void>)[] = [];
  /** Each test has a board of its own, and knows what it told so far. */
  const board = async (
    config: object,
    user = 'root:root',
  ): Promise<{ told: (limitMs?: number) => Promise<Line>; tell: (line: string) => Promise<string> }> => {
    const fifo = `/tmp/board-${Math.floor(performance.now())}`;
    await machine.exec(`mkfifo -m 666 ${fifo}`);
    const run = `setpriv --reuid ${user.split(':')[0]} --regid ${user.split(':')[1]} --clear-groups`;
    const json = JSON.stringify(config);
    const following: Following = machine.follow(
      `exec ${run} node ${installed}/build/test/vm/board.js ${fifo} '${json}'`,
    );
    let at = 0;
    const told = async (limitMs = 8_000): Promise<Line> =>
      JSON.parse(await following.lines.take('a line of the board', limitMs, () => true, at++)) as Line;
    const tell = (line: string): Promise<string> => machine.exec(`echo ${line} > ${fifo}; sleep 0.2`);
    closers.push(async () => {
      await following.stop();
    });
    assert.deepEqual(await told(), { ready: true });
    return { told, tell };
  };
  t.afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const level = async (offset: number): Promise<string> => (await machine.exec(`gpiosim get ${offset}`)).trim();
  const summary = ({ input, active, initial }: Line): string => `${input} ${active}${initial ? ' initial' : ''}`;

  await t.test('a press, a glitch, a line held at the start, lamps', async (t) => {
    await machine.exec('for n in 17 27; do gpiosim pull $n up; done; gpiosim pull 5 down');
    const { told, tell } = await board(wiring);
    assert.equal(summary(await told()), 'held true initial');

    await machine.exec('gpiosim pull 17 down; sleep 0.2; gpiosim pull 17 up');
    const [press, release] = [await told(), await told()];
    assert.equal(summary(press), 'help true');
    assert.equal(summary(release), 'help false');
    t.diagnostic(`edge to callback ${press.ageMs?.toFixed(2)} ms, ${release.ageMs?.toFixed(2)} ms`);
    assert.ok(press.ageMs! >= -0.5 && press.ageMs! < 50, `${press.ageMs}`);

    // Written by one process within less than the debounce.
    const glitch = `p=$(ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio17)/pull
      for n in 1 2 3; do echo pull-down > $p; echo pull-up > $p; done`;
    await machine.exec(`${glitch}; sleep 0.2; gpiosim pull 27 down`);
    assert.equal(summary(await told()), 'info true', 'the glitch was none, the other button works');

    await tell('on called');
    assert.deepEqual([await level(22), await level(23)], ['1', '1'], 'an active-low relay that is off is high');
    await tell('on relay');
    assert.equal(await level(23), '0');
    await tell('off relay');
    assert.equal(await level(23), '1');
  });

  await t.test('a blocked program loses no edge and no time', async () => {
    await machine.exec('gpiosim pull 17 up');
    const { told, tell } = await board({ inputs: { help: wiring.inputs.help }, outputs: {} });
    await tell('block 1500');
    await machine.exec('for n in 1 2; do gpiosim pull 17 down; sleep 0.15; gpiosim pull 17 up; sleep 0.15; done');
    const edges = [await told(), await told(), await told(), await told()];
    assert.deepEqual(edges.map(summary), ['help true', 'help false', 'help true', 'help false']);
    const ages = edges.map((edge) => edge.ageMs!);
    assert.ok(ages[0] > 200, `the first waited ${ages[0]} ms, by the kernel's clock`);
    for (const i of [1, 2, 3]) assert.ok(ages[i - 1] - ages[i] > 100, `about 150 ms apart: ${ages}`);
  });

  await t.test('unplugged while a button is held, plugged in again', async () => {
    await machine.exec('gpiosim pull 17 up');
    const { told, tell } = await board({
      inputs: { help: wiring.inputs.help },
      outputs: { called: wiring.outputs.called },
    });
    await tell('on called');
    await machine.exec('gpiosim pull 17 down');
    assert.equal(summary(await told()), 'help true');
    await machine.exec('gpiosim remove');
    const gone = [await told(), await told(), await told()];
    assert.equal(summary(gone.find((line) => line.input)!), 'help false');
    const faults = gone.filter((line) => line.fault);
    assert.deepEqual(faults.map(({ fault, raised }) => `${fault} ${raised}`).sort(), ['called true', 'help true']);
    for (const { reason } of faults) assert.match(reason!, /Lost GPIO(17|22) of pinctrl-bcm2711 .*unplugged/);
    await machine.exec('gpiosim create');
    const back = [await told(), await told()];
    assert.deepEqual(back.map(({ fault, raised }) => `${fault} ${raised}`).sort(), ['called false', 'help false']);
    assert.equal(await level(22), '1', 'the lamp is lit again');
    await machine.exec('gpiosim pull 17 down');
    const pressed = await told();
    assert.equal(`${pressed.input} ${pressed.active}`, 'help true');
  });

  await t.test('what cannot be had is a fault with its mend, and comes when it can', async () => {
    await machine.exec('for n in 17 27; do gpiosim pull $n up; done');
    const held = machine.follow('exec gpiomon -c gpiochip0 --consumer somebody 27');
    await machine.exec('until gpioinfo -c gpiochip0 27 | grep -q somebody; do sleep 0.05; done');
    const { told } = await board({
      inputs: {
        info: wiring.inputs.info,
        nowhere: { ...chip, line: 'GPIO99' },
        other: { ...chip, chip: 'pinctrl-rp1', line: 1 },
        help: wiring.inputs.help,
      },
      outputs: {},
    });
    const reasons = [await told(), await told(), await told()].map(({ fault, reason }) => `${fault}: ${reason}`);
    assert.match(reasons[0], /^info: Cannot open 27 of pinctrl-bcm2711 \(\/dev\/gpiochip0\): it is held by "somebody"/);
    assert.match(reasons[1], /^nowhere: .*GPIO99.* offsets 0 to 27/);
    assert.match(reasons[2], /^other: .*"pinctrl-rp1".* there is pinctrl-bcm2711/);
    await machine.exec('gpiosim pull 17 down');
    assert.equal(summary(await told()), 'help true', 'the others keep working');
    await held.stop();
    const cleared = await told();
    assert.deepEqual([cleared.fault, cleared.raised], ['info', false]);
    await machine.exec('gpiosim pull 27 down');
    assert.equal(summary(await told()), 'info true');
  });

  await t.test('a user outside the group gpio is told so', async () => {
    const { told } = await board({ inputs: { help: wiring.inputs.help }, outputs: {} }, 'nobody:nogroup');
    const { fault, reason } = await told();
    assert.equal(fault, 'help');
    assert.match(reason!, /\/dev\/gpiochip0.* GPIO17: no permission; the service needs the group/);
  });
});
