/** A terminal as the broker sees it, in a process of its own so that it can be killed: journal and MQTT, nothing else. */
import { readFileSync } from 'node:fs';
import { silentLogger } from '../../src/base/index.ts';
import { Journal } from '../../src/journal/index.ts';
import { Mqtt } from '../../src/mqtt/index.ts';

// argv: broker URL, PEM file, user, password, state directory, button to press at once ('' for none)
const [url, ca, username, password, directory, button] = process.argv.slice(2);
const journal = new Journal({ directory, logger: silentLogger });
if (button !== '') console.log(journal.append({ type: 'press', button, source: 'button', result: 'calling' }).id);
new Mqtt(
  { url, ca: readFileSync(ca, 'utf8'), username, password, base: 'hailpoint/killed' },
  { id: 'killed', name: 'Killed', version: '0', buttons: [], outputs: [], plans: [], accounts: [] },
  journal,
  { command: () => ({ ok: true }), status: () => ({}), fault: () => {} },
  silentLogger,
);
