/** A broker that knows no MQTT 5: the demo's own, a real one over TCP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import { startBroker } from '../../src/demo/broker.ts';
import { Journal } from '../../src/journal/index.ts';
import { Mqtt } from '../../src/mqtt/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';

test('is spoken to in MQTT 3.1.1: availability, status and events arrive, and nothing is called a fault', async (t) => {
  const broker = await startBroker();
  const { path, remove } = temporaryDirectory();
  const journal = new Journal({ directory: path, logger: silentLogger });
  const faults: string[] = [];
  const heard = new Map<string, string>();
  broker.onMessage((topic, payload) => heard.set(topic, payload));
  const mqtt = new Mqtt(
    { url: `mqtt://127.0.0.1:${broker.port}`, base: 'hailpoint/old' },
    { id: 'old', name: 'Old', version: '0', buttons: [], outputs: [], plans: [], accounts: [] },
    journal,
    {
      command: () => ({ ok: true }),
      status: () => ({ state: 'idle' }),
      fault: (raised, reason) => faults.push(`${raised} ${reason}`),
    },
    silentLogger,
  );
  t.after(async () => {
    await mqtt.stop();
    assert.equal(heard.get('hailpoint/old/availability'), 'offline');
    journal.close();
    await broker.stop();
    remove();
  });
  const { id } = journal.append({ type: 'press', button: 'help', source: 'button', result: 'calling' });
  await until('the event', 5_000, () => heard.has('hailpoint/old/event'));
  assert.equal(JSON.parse(heard.get('hailpoint/old/event')!).id, id);
  assert.equal(heard.get('hailpoint/old/availability'), 'online');
  assert.equal(heard.get('hailpoint/old/status'), '{"state":"idle"}');
  assert.deepEqual(faults, []);
});
