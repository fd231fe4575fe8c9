/** The broker is away, the power fails: no press is lost, and their order stays. Mosquitto over TLS with user and password. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { leavePeers, peersCa, startPeers, stopPeers } from '../kit/peers.ts';
import { startTerminal, type TerminalProcess } from '../kit/terminal.ts';
import { Inbox } from '../kit/wait.ts';

const url = 'mqtts://127.0.0.40:8883';
const credentials = { username: 'peers', password: 'peerspass' };
const topic = 'hailpoint/help-07';

interface Message {
  topic: string;
  retain: boolean;
  payload: string;
}

test.after(() => leavePeers('mosquitto'));

/** Its session outlives the broker's restart, so that what comes before it is back waits for it. */
async function subscriber(t: TestContext): Promise<{ messages: Inbox<Message>; client: MqttClient }> {
  const { pem } = await peersCa();
  const options = { ...credentials, ca: pem, clientId: `kit-${process.pid}-${performance.now()}`, clean: false };
  const client = await connectAsync(url, { ...options, reconnectPeriod: 200 });
  client.on('error', () => undefined);
  const messages = new Inbox<Message>();
  client.on('message', (name, payload, { retain }) =>
    messages.put({ topic: name, retain, payload: payload.toString() }),
  );
  await client.subscribeAsync(`${topic}/#`, { qos: 1 });
  t.after(() => client.endAsync(true));
  return { messages, client };
}

async function reportingTerminal(t: TestContext): Promise<TerminalProcess> {
  const { path } = await peersCa();
  return startTerminal(t, {
    config: {
      mqtt: { url, ...credentials, ca: path },
      // Nobody is there: a press is an event all the same.
      buttons: { help: { press: { dial: 'sip:nobody@127.0.0.98' } } },
      outputs: { called: { on: ['paging'] } },
    },
  });
}

/** The ids of the presses delivered, each once: at least once is promised, and order. */
function pressIds({ items }: Inbox<Message>): string[] {
  const events = items
    .filter((message) => message.topic === `${topic}/event`)
    .map(({ payload }) => JSON.parse(payload));
  return [...new Set(events.filter(({ type }) => type === 'press').map(({ id }) => id as string))];
}

async function presses(terminal: TerminalProcess, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const from = terminal.events.items.length;
    await terminal.press('help', 100);
    const press = await terminal.event({ type: 'press', button: 'help' }, 2_000, from);
    await terminal.event({ type: 'release', button: 'help' }, 2_000, from);
    ids.push(press.id);
  }
  return ids;
}

test('availability, status and events are told over TLS', { timeout: 60_000 }, async (t) => {
  await startPeers(['mosquitto']);
  const { messages, client } = await subscriber(t);
  const terminal = await reportingTerminal(t);
  const told = (name: string, payload: (text: string) => boolean) =>
    messages.take(
      `${name} with what is expected`,
      10_000,
      (item) => item.topic === `${topic}/${name}` && payload(item.payload),
    );
  await told('availability', (text) => text === 'online');
  await told('status', (text) => JSON.parse(text) !== null);
  const [id] = await presses(terminal, 1);
  await told('event', (text) => JSON.parse(text).id === id);

  await client.publishAsync(`${topic}/command/output`, '{"output":"called","on":true}', { qos: 1 });
  await terminal.shows('the lamp to follow the command', 5_000, ({ outputs }) => outputs.called.on);
  await told('reply', (text) => JSON.parse(text).ok === true);

  const before = messages.items.length;
  await terminal.kill();
  const will = await messages.take(
    'the last will',
    10_000,
    (item) => item.topic === `${topic}/availability` && item.payload === 'offline',
    before,
  );
  assert.equal(will.payload, 'offline');
});

test('broker stopped, three presses, broker started: three events in order', { timeout: 90_000 }, async (t) => {
  await startPeers(['mosquitto']);
  const { messages } = await subscriber(t);
  const terminal = await reportingTerminal(t);
  await terminal.shows('the broker to be there', 10_000, ({ mqtt }) => mqtt?.connected === true);
  await stopPeers('mosquitto');
  await terminal.shows('the broker to be away', 10_000, ({ mqtt }) => mqtt?.connected === false);
  const ids = await presses(terminal, 3);
  assert.deepEqual(pressIds(messages), []);
  await startPeers(['mosquitto']);
  await messages.take('the third press', 40_000, ({ payload }) => payload.includes(ids[2]));
  assert.deepEqual(pressIds(messages), ids);
});

test('kill -9 between press and delivery loses nothing', { timeout: 90_000 }, async (t) => {
  await startPeers(['mosquitto']);
  const { messages } = await subscriber(t);
  const terminal = await reportingTerminal(t);
  await terminal.shows('the broker to be there', 10_000, ({ mqtt }) => mqtt?.connected === true);
  await stopPeers('mosquitto');
  const ids: string[] = [];
  for (let round = 0; round < 3; round++) {
    if (round > 0) await terminal.run();
    const from = terminal.events.items.length;
    await terminal.press('help', 50);
    const press = await terminal.event({ type: 'press', button: 'help' }, 2_000, from);
    await terminal.kill();
    ids.push(press.id);
  }
  await startPeers(['mosquitto']);
  await terminal.run();
  await messages.take('the last press', 20_000, ({ payload }) => payload.includes(ids[2]));
  assert.equal(new Set(ids).size, 3, 'an id came twice');
  assert.deepEqual(pressIds(messages), ids);
});
