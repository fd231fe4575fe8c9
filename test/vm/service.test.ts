/** The installed service on a board: systemd, GPIO, sound card and a SIP telephone, all in the Debian machine. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { stringify } from 'yaml';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';
import { install, Machine, noMachine } from '../kit/machine.ts';
import type { Event, Status } from '../kit/terminal.ts';
import { Inbox, until } from '../kit/wait.ts';
import { judge, readWav } from '../kit/wav.ts';

/** The service is told to hear from itself this often; the unit's own 15 s would make the test long. */
const watchdogSec = 3;
const stuckSec = 60;

const announcement =
  'Attention please. This is a page from the control room. The east gate will close in five minutes.';

const config = {
  terminal: { id: 'help-07', name: 'Platform 2, north stairs' },
  device: {
    profile: 'raspberry-pi',
    buttons: {
      info: {
        driver: 'gpiochip',
        chip: 'pinctrl-bcm2711',
        line: 'GPIO27',
        active: 'low',
        bias: 'pull-up',
        debounce: '30ms',
      },
    },
    sound: { driver: 'alsa', speaker: 'hw:Loopback,0,0', microphone: 'hw:Loopback,0,0' },
  },
  sip: { listen: { udp: '127.0.0.1:5060', tcp: '127.0.0.1:5060' } },
  calls: { 'control-room': { steps: [{ ring: ['sip:desk@127.0.0.2:5070'], for: '20s' }], cycles: 1 } },
  buttons: { help: { press: { call: 'control-room' } }, info: { press: { hangup: true } } },
  incoming: [{ from: 'sip:control@127.0.0.2', answer: 'when-asked', as: 'page', priority: 5 }],
  outputs: { called: { on: ['calling', 'connected'] }, connected: { on: ['connected'] } },
};

test('the installed service on a board', { skip: noMachine, timeout: 480_000 }, async (t) => {
  const { path: directory, remove } = temporaryDirectory();
  t.after(remove);
  const machine = await Machine.boot('service');
  t.after(() => machine.stop());
  const installMs = await install(machine);
  t.diagnostic(`boot ${machine.bootMs} ms, install ${installMs} ms`);

  writeFileSync(join(directory, 'terminal.yaml'), stringify(config));
  await machine.push(directory, '/etc/hailpoint');
  await machine.push(join(checkout, 'test/kit/peers'), '/root/peers');
  await machine.push(join(checkout, 'test/vm'), '/root/vm');
  await machine.exec(`set -e
    chmod 755 /etc/hailpoint
    mkdir -p /etc/systemd/system/hailpoint.service.d
    printf '[Service]\\nWatchdogSec=${watchdogSec}\\n' > /etc/systemd/system/hailpoint.service.d/test.conf
    systemctl daemon-reload
    for n in 17 27; do gpiosim pull $n up; done
    cd /root
    espeak-ng -v en-us -s 150 -w tts.wav '${announcement}'
    sox tts.wav -r 8000 -c 1 -b 16 announce.wav norm -3
    node peers/mkpcap.mjs announce.wav announce.pcap`);
  await machine.fetch('/root/announce.wav', join(directory, 'announce.wav'));

  const level = async (offset: number): Promise<string> => (await machine.exec(`gpiosim get ${offset}`)).trim();
  const lamps = async (): Promise<string> => `${await level(22)}${await level(23)}`;
  const property = async (name: string): Promise<string> =>
    (await machine.exec(`systemctl show -P ${name} hailpoint`)).trim();
  const status = async (): Promise<Status> => JSON.parse(await machine.exec('hailpoint status --json')) as Status;
  const works = (limitMs: number): Promise<Status> =>
    until('the service to answer', limitMs, () => status().catch(() => undefined), 200);

  const events = new Inbox<Event>();
  const event = (fields: object, limitMs: number, from = 0): Promise<Event> =>
    events
      .take(
        JSON.stringify(fields),
        limitMs,
        (one) => Object.entries(fields).every(([name, value]) => one[name] === value),
        from,
      )
      .catch(async (error: Error) => {
        const log = await machine.exec('journalctl -u hailpoint -n 40 --no-pager -o cat');
        throw new Error(`${error.message}\n${events.items.map((one) => JSON.stringify(one)).join('\n')}\n${log}`);
      });

  await t.test('the unit starts it: ready when it says so, as its own user, with real-time sound', async (t) => {
    const problems = await machine.exec('hailpoint check && systemd-analyze verify hailpoint.service 2>&1');
    assert.match(problems, /no problems/);
    assert.doesNotMatch(problems, /hailpoint\.service:/);
    const begin = performance.now();
    await machine.exec(
      'systemctl start hailpoint || { journalctl -u hailpoint --no-pager | tail -n 40; false; }',
      90_000,
    );
    t.diagnostic(`systemctl start ${Math.round(performance.now() - begin)} ms`);
    assert.equal(await property('ActiveState'), 'active');
    assert.equal(await property('Type'), 'notify');
    assert.match(await property('StatusText'), /idle/);
    assert.equal((await machine.exec('ps -o user:20= -p $(systemctl show -P MainPID hailpoint)')).trim(), 'hailpoint');
    const { faults } = await status();
    assert.deepEqual(faults, []);
    assert.equal(await lamps(), '00');
  });

  const follow = machine.follow('exec hailpoint events -f --json');
  t.after(() => follow.stop());
  const put = follow.lines.put.bind(follow.lines);
  follow.lines.put = (line) => {
    put(line);
    if (line.startsWith('{')) events.put(JSON.parse(line) as Event);
  };

  await t.test('a pull on a line is a press, rings the desk, and the lamps follow the call', async (t) => {
    const desk = machine.follow(
      'cd /root && exec sipp -nostdin -sf vm/desk.xml -i 127.0.0.2 -p 5070 -m 1 -rtp_echo -timeout 40 > /dev/null',
    );
    t.after(() => desk.stop());
    await machine.exec('until ss -ulnH | grep -q 127.0.0.2:5070; do sleep 0.05; done');
    const from = events.items.length;
    const held = await machine.exec(`p=$(ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio17)/pull
      echo pull-down > $p; begin=$(date +%s%3N); sleep 0.5; end=$(date +%s%3N); echo pull-up > $p; echo $((end - begin))`);
    const press = await event({ type: 'press', button: 'help', source: 'button' }, 5_000, from);
    assert.equal(press.result, 'calling');
    const calling = await event({ type: 'call', state: 'calling' }, 5_000, from);
    t.diagnostic(`press to calling ${(calling.monotonicMs - press.monotonicMs).toFixed(1)} ms`);
    assert.equal(await lamps(), '10', 'called');
    const release = await event({ type: 'release', button: 'help' }, 5_000, from);
    // The first press of a process is slow: its code is not compiled yet.
    assert.ok(Math.abs(Number(release.heldMs) - Number(held)) < 300, `held for ${release.heldMs} ms, not ${held}`);
    await event({ type: 'call', state: 'connected' }, 10_000, from);
    await until('both lamps', 2_000, async () => (await lamps()) === '11');
    await machine.exec('gpiosim pull 27 down; sleep 0.2; gpiosim pull 27 up');
    await event({ type: 'press', button: 'info', result: 'hangup' }, 5_000, from);
    await event({ type: 'call', state: 'ended' }, 5_000, from);
    await until('no lamp', 2_000, async () => (await lamps()) === '00');
  });

  await t.test('a glitch shorter than the debounce is none', async () => {
    const from = events.items.length;
    await machine.exec(`p=$(ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio17)/pull
      for n in 1 2 3; do echo pull-down > $p; echo pull-up > $p; done`);
    await machine.exec('sleep 0.3; gpiosim pull 27 down; sleep 0.2; gpiosim pull 27 up');
    await event({ type: 'press', button: 'info' }, 5_000, from);
    const helped = events.items.slice(from).filter((one) => one.button === 'help');
    assert.deepEqual(helped, []);
  });

  // Held down from here on: by the time that it is reported, the next two are over.
  const heldFrom = events.items.length;
  await machine.exec('gpiosim pull 27 down');
  const held = await event({ type: 'press', button: 'info' }, 5_000, heldFrom);

  await t.test('a page is heard at the loopback card, and the microphone stays closed', async (t) => {
    const from = events.items.length;
    const opened = (await status()).sound.microphoneOpened;
    const arecord = machine.follow(
      'cd /root && exec arecord -q -D hw:Loopback,1,0 -f S16_LE -r 48000 -c 1 -d 14 heard.wav',
    );
    t.after(() => arecord.stop());
    await machine.exec('until grep -q RUNNING /proc/asound/Loopback/pcm1c/sub0/status; do sleep 0.05; done');
    await machine.exec(
      'cd /root && sipp -nostdin -sf peers/sipp/page.xml -s help-07 -i 127.0.0.2 -p 5091 -m 1 -key pcap announce.pcap -d 9000 127.0.0.1:5060 > sipp.log 2>&1 || { cat sipp.log; false; }',
      40_000,
    );
    await event({ type: 'page', state: 'connected' }, 5_000, from);
    await event({ type: 'page', state: 'ended' }, 5_000, from);
    await machine.exec('while pgrep -x arecord > /dev/null; do sleep 0.1; done');
    const recording = join(directory, 'heard.wav');
    await machine.fetch('/root/heard.wav', recording);
    const verdict = judge(readWav(recording), readWav(join(directory, 'announce.wav')));
    t.diagnostic(JSON.stringify(verdict));
    assert.ok(verdict.match >= 0.85, JSON.stringify(verdict));
    assert.equal(verdict.clipped, 0);
    const { sound } = await status();
    assert.equal(sound.microphoneOpened, opened, 'the microphone was left alone');
    assert.equal(sound.realTime, true, 'the unit lets the sound thread have its priority');
  });

  await t.test(
    'the sound card is pulled out in a talk and put in again: the talk stays, and is heard again',
    async (t) => {
      const desk = machine.follow(
        'cd /root && exec sipp -nostdin -sf vm/desk.xml -i 127.0.0.2 -p 5070 -m 1 -rtp_echo -timeout 40 > /dev/null',
      );
      t.after(() => desk.stop());
      await machine.exec('until ss -ulnH | grep -q 127.0.0.2:5070; do sleep 0.05; done');
      const from = events.items.length;
      await machine.exec('hailpoint press help');
      await event({ type: 'call', state: 'connected' }, 10_000, from);
      await until('the microphone', 5_000, async () => (await status()).sound.microphone === 'open', 200);
      const driver = '/sys/bus/platform/drivers/snd_aloop';
      await machine.exec(`echo snd_aloop.0 > ${driver}/unbind`);
      await event({ type: 'fault', fault: 'sound', state: 'raised' }, 3_000, from);
      // Lost, and a little later not to be opened.
      const gone = /"hw:Loopback,0,0": (?:No such |File descriptor in bad).*/;
      const reason = await until(
        'the reason',
        2_000,
        async () => gone.exec(String((await status()).sound.reason))?.[0],
        200,
      );
      await machine.exec('sleep 2');
      await machine.exec(`echo snd_aloop.0 > ${driver}/bind`);
      const begin = performance.now();
      await event({ type: 'fault', fault: 'sound', state: 'cleared' }, 5_000, from);
      t.diagnostic(`back after ${Math.round(performance.now() - begin)} ms: ${reason}`);
      const { sound, calls } = await status();
      assert.equal(`${sound.speaker} ${sound.microphone}`, 'open open');
      assert.equal(calls.length, 1, 'the talk stays');
      await machine.exec('hailpoint hangup');
      await event({ type: 'call', state: 'ended' }, 5_000, from);
      // And while nobody uses it: it is missed all the same.
      let released = sound;
      await until(
        'the released card',
        10_000,
        async () => {
          released = (await status()).sound;
          return released.speaker === 'closed';
        },
        200,
      ).catch((error: Error) => assert.fail(`${error.message}: ${JSON.stringify(released)}`));
      const idle = events.items.length;
      await machine.exec(`echo snd_aloop.0 > ${driver}/unbind`);
      await event({ type: 'fault', fault: 'sound', state: 'raised' }, 3_000, idle);
      await machine.exec(`echo snd_aloop.0 > ${driver}/bind`);
      await event({ type: 'fault', fault: 'sound', state: 'cleared' }, 3_000, idle);
    },
  );

  await t.test('a line held down is reported as stuck, and the other button works', async (t) => {
    const fault = { type: 'fault', fault: 'button:info', state: 'raised' };
    const stuck = await event(fault, (stuckSec + 10) * 1000, heldFrom);
    const heldMs = stuck.monotonicMs - held.monotonicMs;
    assert.ok(Math.abs(heldMs - stuckSec * 1000) < 2_000, `reported after ${heldMs} ms`);
    const from = events.items.length;
    await machine.exec('gpiosim pull 17 down; sleep 0.2; gpiosim pull 17 up');
    const press = await event({ type: 'press', button: 'help' }, 5_000, from);
    assert.equal(press.result, 'calling');
    const calling = await event({ type: 'call', state: 'calling' }, 5_000, from);
    t.diagnostic(`press to calling ${(calling.monotonicMs - press.monotonicMs).toFixed(1)} ms, the second time`);
    await machine.exec('hailpoint hangup; gpiosim pull 27 up');
    await event({ type: 'fault', fault: 'button:info', state: 'cleared' }, 5_000, from);
  });

  await t.test('killed, it is back within 10 s, and its journal with it', async (t) => {
    const pid = await property('MainPID');
    const begin = performance.now();
    await machine.exec(`kill -9 ${pid}`);
    await works(10_000);
    t.diagnostic(`answers ${Math.round(performance.now() - begin)} ms after kill -9`);
    assert.notEqual(await property('MainPID'), pid);
    assert.equal(await property('NRestarts'), '1');
    const before = JSON.parse(
      `[${(await machine.exec('hailpoint events --json')).trim().split('\n').join(',')}]`,
    ) as Event[];
    assert.ok(before.some((one) => one.type === 'press' && one.button === 'help'));
  });

  await t.test('hung, it is ended by the watchdog and started anew; not hung, it is left alone', async () => {
    const pid = await property('MainPID');
    await machine.exec(`sleep ${watchdogSec * 2}`);
    assert.equal(await property('MainPID'), pid, 'it tells the watchdog that it is well');
    await machine.exec(`kill -STOP ${pid}`);
    await until('another process', (watchdogSec + 8) * 1000, async () => {
      const now = await property('MainPID');
      return now !== pid && now !== '0';
    });
    await works(8_000);
    assert.match(await machine.exec('journalctl -u hailpoint --no-pager'), /Watchdog timeout/);
  });

  await t.test('stopped within 5 s, with the lamps off', async (t) => {
    await machine.exec('gpiosim pull 17 down; sleep 0.2; gpiosim pull 17 up');
    await until('the lamp', 5_000, async () => (await level(22)) === '1');
    const begin = performance.now();
    await machine.exec('systemctl stop hailpoint');
    const stopMs = performance.now() - begin;
    t.diagnostic(`systemctl stop ${Math.round(stopMs)} ms`);
    assert.ok(stopMs < 5_000, `${stopMs} ms`);
    assert.equal(await property('Result'), 'success');
    assert.equal(await lamps(), '00');
  });
});
