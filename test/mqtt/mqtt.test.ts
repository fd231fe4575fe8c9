/** Against a real Mosquitto, over TLS with user and password. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Logger, silentLogger } from '../../src/base/index.ts';
import type { MqttConfig } from '../../src/config/index.ts';
import { Journal } from '../../src/journal/index.ts';
import { type CommandAnswer, Mqtt } from '../../src/mqtt/index.ts';
import type { Command, TerminalEvent } from '../../src/terminal/index.ts';
import { Broker, brokerMissing, type Heard } from '../kit/broker.ts';
import { until } from '../kit/wait.ts';

const press = (button: string): TerminalEvent => ({ type: 'press', button, source: 'button', result: 'calling' });
const IDENTITY = {
  name: 'Platform 2',
  version: '1.2.3',
  buttons: ['help'],
  outputs: ['called'],
  plans: ['desk'],
  accounts: ['pbx'],
};

describe('mqtt', { skip: brokerMissing() ?? false }, () => {
  let broker: Broker;
  const endings: (() => Promise<unknown> | unknown)[] = [];

  before(async () => {
    broker = new Broker('127.26.0.40');
    await broker.start();
  });
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
  });
  after(() => broker.remove());

  function stateDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'hailpoint-mqtt-'));
    endings.push(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }

  interface Terminal {
    mqtt: Mqtt;
    journal: Journal;
    base: string;
    asked: Command[];
    faults: { raised: boolean; reason: string }[];
    status: Record<string, unknown>;
    answer: CommandAnswer;
  }

  /** `id` gives each test topics of its own. */
  function start(id: string, more: Partial<MqttConfig> = {}, logger: Logger = silentLogger): Terminal {
    const journal = new Journal({ directory: stateDirectory(), logger: silentLogger });
    const base = `hailpoint/${id}`;
    const terminal = {
      journal,
      base,
      asked: [],
      faults: [],
      status: { state: 'idle' },
      answer: { ok: true },
    } as unknown as Terminal;
    const { url, username, password, ca } = broker;
    terminal.mqtt = new Mqtt(
      { url, username, password, ca: readFileSync(ca, 'utf8'), base, ...more },
      { id, ...IDENTITY },
      journal,
      {
        command: (command) => {
          terminal.asked.push(command);
          return terminal.answer;
        },
        status: () => terminal.status,
        fault: (raised, reason) => terminal.faults.push({ raised, reason }),
      },
      logger,
    );
    endings.push(async () => {
      await terminal.mqtt.stop();
      journal.close();
    });
    return terminal;
  }

  const connected = (terminal: Terminal, limitMs = 5000): Promise<unknown> =>
    until('the connection', limitMs, () => terminal.mqtt.connected);
  const text =
    (topic: string, wanted: string) =>
    (heard: Heard): boolean =>
      heard.topic === topic && heard.text === wanted;
  /** Retained messages as a newcomer finds them. */
  async function retained(topic: string): Promise<string> {
    const { heard } = await broker.watch(topic);
    const { text, retained: isRetained } = await heard.take(topic, 2000, () => true);
    assert.equal(isRetained, true, `${topic} is retained`);
    return text;
  }

  test('a broker that turns everybody away is one line in the log, however often it is tried', async () => {
    let tried = 0;
    const door = createServer((socket) => {
      tried++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => door.listen(1883, '127.26.0.41', resolve));
    endings.push(() => door.close());
    const told: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => told.push(message) };
    const terminal = start('away', { url: 'mqtt://127.26.0.41' }, logger);
    await until('a third attempt', 8000, () => tried === 3);
    await until('its end to be known', 2000, () => terminal.faults.length === 1);
    assert.deepEqual(told, ['mqtt: no connection']);
  });

  test('two terminals of one id: the fault does not come and go with each connection the other one takes', async () => {
    const { heard } = await broker.watch('hailpoint/twins/availability');
    const first = start('twins');
    await connected(first);
    const twins = [first, start('twins')];
    const connections = (): number => heard.items.filter(({ text }) => text === 'online').length;
    await until('the connection to go to and fro', 30_000, () => connections() >= 7);
    for (const { faults } of twins) {
      const told = faults.map(({ raised }) => raised);
      assert.ok(told.length <= 3 && told.at(-1) === true, JSON.stringify(faults));
    }
  });

  test('it is online, says how it is, and goes offline at a clean stop', async () => {
    const terminal = start('clean');
    await connected(terminal);
    await until('online', 2000, async () => (await retained(`${terminal.base}/availability`)) === 'online');
    assert.deepEqual(JSON.parse(await retained(`${terminal.base}/status`)), { state: 'idle' });
    const begun = performance.now();
    await terminal.mqtt.stop();
    assert.ok(performance.now() - begun < 2000);
    assert.equal(await retained(`${terminal.base}/availability`), 'offline');
    assert.equal(terminal.mqtt.connected, false);
    assert.deepEqual(terminal.faults, []);
  });

  test('changes of the status that come together go out as one, and only when something changed', async () => {
    const terminal = start('status');
    const { heard } = await broker.watch(`${terminal.base}/status`);
    await heard.take('the first status', 3000, () => true);
    for (const state of ['calling', 'connected', 'paging']) {
      terminal.status = { state };
      terminal.mqtt.statusChanged();
    }
    await heard.take('the last state', 2000, text(`${terminal.base}/status`, '{"state":"paging"}'));
    terminal.mqtt.statusChanged();
    terminal.status = { state: 'paging' };
    terminal.journal.append(press('after'));
    // The broker keeps the order: had there been another status, it would be here by now.
    await until('all delivered', 2000, () => terminal.journal.cursor('mqtt').next() === undefined);
    terminal.status = { state: 'idle' };
    terminal.mqtt.statusChanged();
    await heard.take('idle again', 2000, (one) => one.text.includes('idle'), 1);
    assert.deepEqual(
      heard.items.map(({ text }) => JSON.parse(text).state),
      ['idle', 'paging', 'idle'],
    );
  });

  test('the broker stopped, three events, the broker started: exactly these three, in order', async () => {
    const terminal = start('away');
    await connected(terminal);
    const { heard, client } = await broker.watch(`${terminal.base}/event`);
    await broker.stop();
    await until('the loss', 5000, () => !terminal.mqtt.connected);
    const ids = ['a', 'b', 'c'].map((button) => terminal.journal.append(press(button)).id);
    await broker.start();
    await until('the watcher', 5000, () => client.connected);
    await heard.take('the last event', 15_000, (one) => JSON.parse(one.text).id === ids[2]);
    assert.deepEqual(
      heard.items.map((one) => JSON.parse(one.text).id),
      ids,
    );
    assert.deepEqual(
      heard.items.map(({ packet }) => packet.qos),
      [1, 1, 1],
    );
    assert.deepEqual(
      terminal.faults.map(({ raised }) => raised),
      [true, false],
    );
    assert.match(terminal.faults[0].reason, /127\.26\.0\.40/);
    assert.equal(await retained(`${terminal.base}/availability`), 'online');
    assert.equal(terminal.journal.cursor('mqtt').next(), undefined);
  });

  function spawnTerminal(url: string, directory: string, button: string): ChildProcess {
    const program = fileURLToPath(new URL('./terminal.js', import.meta.url));
    const { ca, username, password } = broker;
    const child = spawn(process.execPath, [program, url, ca, username, password, directory, button], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endings.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    });
    return child;
  }

  test('kill -9 between the press and its delivery: the next process delivers it', async () => {
    const { heard } = await broker.watch('hailpoint/killed/event');
    const directory = stateDirectory();
    // Nobody listens there: the event cannot leave.
    const first = spawnTerminal('mqtts://127.26.0.41:8883', directory, 'help');
    const [said] = await once(first.stdout!, 'data');
    first.kill('SIGKILL');
    await once(first, 'close');
    assert.deepEqual(heard.items, []);
    spawnTerminal(broker.url, directory, '');
    const { text } = await heard.take('the press of the killed process', 8000, () => true);
    assert.equal(JSON.parse(text).id, String(said).trim());
    assert.equal(JSON.parse(text).button, 'help');
  });

  test('kill -9 of a connected terminal: the broker says offline for it', async () => {
    const { heard } = await broker.watch('hailpoint/killed/availability');
    const child = spawnTerminal(broker.url, stateDirectory(), '');
    await heard.take('online', 5000, (one) => one.text === 'online' && !one.retained);
    const seen = heard.items.length;
    child.kill('SIGKILL');
    await heard.take('the will', 5000, (one) => one.text === 'offline', seen);
    assert.equal(await retained('hailpoint/killed/availability'), 'offline');
  });

  describe('commands', () => {
    for (const [sentence, verb, payload, command, expected] of [
      ['a call', 'call', '{"plan":"desk"}', { verb: 'call', plan: 'desk' }, { verb: 'call', ok: true }],
      ['nothing is said: no arguments', 'hangup', '', { verb: 'hangup' }, { verb: 'hangup', ok: true }],
      ['the talk on hold', 'hold', '', { verb: 'hold' }, { verb: 'hold', ok: true }],
      ['and taken up again', 'resume', '{}', { verb: 'resume' }, { verb: 'resume', ok: true }],
      [
        'its own id comes back',
        'volume',
        '{"volume":40,"id":7}',
        { verb: 'volume', volume: 40 },
        { id: 7, verb: 'volume', ok: true },
      ],
      [
        'a lamp',
        'output',
        '{"output":"called","on":true}',
        { verb: 'output', output: 'called', on: true },
        { verb: 'output', ok: true },
      ],
      ['no JSON', 'volume', '{"volume":', undefined, /not JSON/],
      ['no object', 'volume', '40', undefined, /no JSON object/],
      ['out of range', 'volume', '{"volume":400}', undefined, /0 to 100/],
      ['unknown verb', 'reboot', '{}', undefined, /no command "reboot"; there are call, /],
      [
        'a zone',
        'page',
        '{"zone":"all","file":"fire.wav"}',
        { verb: 'page', zone: 'all', file: 'fire.wav' },
        { verb: 'page', ok: true },
      ],
      ['no zone', 'page', '{"file":"fire.wav"}', undefined, /"zone" is missing/],
      ['a text', 'say', '{"text":"hello"}', { verb: 'say', text: 'hello' }, { verb: 'say', ok: true }],
      ['no text', 'say', '{}', undefined, /"text" is missing/],
      ['the configuration anew', 'reload', '', { verb: 'reload' }, { verb: 'reload', ok: true }],
      ['a chirp', 'selftest', '', { verb: 'selftest', baseline: false }, { verb: 'selftest', ok: true }],
      ['a chirp, to be kept', 'selftest', '{"baseline":"yes"}', undefined, /"baseline" must be true or false/],
      ['only at the terminal', 'press', '{"button":"help"}', undefined, /no command "press"/],
      ['too long', 'dial', `{"target":"${'x'.repeat(9000)}"}`, undefined, /longer than/],
    ] as const) {
      test(`${sentence}: ${verb}`, async () => {
        const terminal = start(`command-${verb}-${sentence.replace(/\W/g, '')}`);
        const { heard, client } = await broker.watch(`${terminal.base}/reply`);
        await connected(terminal);
        await subscribed(terminal);
        heard.items.length = 0;
        terminal.asked.length = 0;
        await client.publishAsync(`${terminal.base}/command/${verb}`, payload, { qos: 1 });
        const { text } = await heard.take('the reply', 3000, () => true);
        const { time, ...reply } = JSON.parse(text);
        assert.match(time, /^\d{4}-\d\d-\d\dT/);
        if (expected instanceof RegExp) {
          assert.equal(reply.ok, false);
          assert.equal(reply.verb, verb);
          assert.match(reply.reason, expected);
          assert.deepEqual(terminal.asked, []);
        } else {
          assert.deepEqual(reply, expected);
          assert.deepEqual(terminal.asked, [command]);
        }
      });
    }

    /** The subscription is there when a command is answered. */
    async function subscribed(terminal: Terminal): Promise<void> {
      const { heard, client } = await broker.watch(`${terminal.base}/ready`);
      await until('the subscription', 3000, async () => {
        await client.publishAsync(`${terminal.base}/command/hangup`, '', {
          qos: 1,
          properties: { responseTopic: `${terminal.base}/ready` },
        });
        return heard.items.length > 0;
      });
    }

    test('the answer goes to the response topic with the correlation data', async () => {
      const terminal = start('response');
      terminal.answer = { ok: false, reason: 'another call is on' };
      await connected(terminal);
      await subscribed(terminal);
      const { heard, client } = await broker.watch('desk/answers', `${terminal.base}/reply`);
      const properties = { responseTopic: 'desk/answers', correlationData: Buffer.from([1, 2, 0, 255]) };
      await client.publishAsync(`${terminal.base}/command/call`, '{"plan":"desk"}', { qos: 1, properties });
      const { topic, text, packet } = await heard.take('the answer', 3000, () => true);
      assert.equal(topic, 'desk/answers');
      assert.deepEqual([...(packet.properties?.correlationData ?? [])], [1, 2, 0, 255]);
      const { ok, reason } = JSON.parse(text);
      assert.deepEqual([ok, reason], [false, 'another call is on']);
    });

    test('a retained command is not obeyed, neither now nor after the next connection', async () => {
      const terminal = start('retained');
      const { heard, client } = await broker.watch(`${terminal.base}/reply`);
      const topic = `${terminal.base}/command/call`;
      endings.push(() => client.publishAsync(topic, '', { retain: true }));
      await client.publishAsync(topic, '{"plan":"desk"}', { qos: 1, retain: true });
      await connected(terminal);
      await subscribed(terminal);
      await client.publishAsync(`${terminal.base}/command/volume`, '{"volume":1}', { qos: 1 });
      await heard.take('the reply to what came after', 3000, (one) => one.text.includes('volume'));
      assert.deepEqual(
        terminal.asked.filter(({ verb }) => verb === 'call'),
        [],
      );
    });
  });

  test('Home Assistant finds the device in one retained message, or nothing at all', async () => {
    const loud = start('ha.loud', { discovery: 'ha-test' });
    const quiet = start('ha-quiet');
    const { heard } = await broker.watch('+/device/#');
    await connected(loud);
    await connected(quiet);
    quiet.journal.append(press('help'));
    await until('the event behind it', 3000, () => quiet.journal.cursor('mqtt').next() === undefined);
    await heard.take('the other one', 3000, ({ topic }) => topic === 'ha-test/device/ha_loud/config');
    assert.deepEqual(
      heard.items.filter(({ topic }) => topic.includes('quiet')),
      [],
    );
    const { device, origin, availability_topic, components } = JSON.parse(
      await retained('ha-test/device/ha_loud/config'),
    );
    assert.deepEqual(
      [device.name, origin.name, availability_topic],
      ['Platform 2', 'hailpoint', 'hailpoint/ha.loud/availability'],
    );
    assert.deepEqual(Object.keys(components), [
      'state',
      'fault',
      'registered_pbx',
      'button_help',
      'output_called',
      'call_desk',
      'hangup',
    ]);
    assert.equal(components.call_desk.command_topic, 'hailpoint/ha.loud/command/call');
    assert.deepEqual(JSON.parse(components.call_desk.payload_press), { plan: 'desk' });
    const ids = Object.values<{ unique_id: string; platform: string }>(components).map(({ unique_id }) => unique_id);
    assert.equal(new Set(ids).size, ids.length);
  });

  for (const [sentence, more, reason] of [
    ['a wrong password', { password: 'wrong' }, /Not authorized|Bad User/i],
    ['an authority that did not sign the broker', { ca: undefined }, /certificate/i],
    ['a broker that is not there', { url: 'mqtts://127.26.0.41:8883' }, /ECONNREFUSED/],
    [
      'certificates that are none',
      { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      /PEM|asn1|certificate/i,
    ],
  ] as const) {
    test(`${sentence} is a fault with its reason, told once, and the terminal lives`, async () => {
      const terminal = start('refused', more);
      await until('the fault', 5000, () => terminal.faults.length > 0);
      assert.equal(terminal.faults[0].raised, true);
      assert.match(terminal.faults[0].reason, reason);
      terminal.journal.append(press('help'));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.equal(terminal.faults.length, 1);
      assert.equal(terminal.mqtt.connected, false);
      const begun = performance.now();
      await terminal.mqtt.stop();
      assert.ok(performance.now() - begun < 500);
    });
  }
});
