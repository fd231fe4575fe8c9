import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/config/index.ts';
import { readBoard } from '../../src/doctor/board.ts';
import { diagnose } from '../../src/doctor/index.ts';
import { disk, network, power } from '../../src/doctor/machine.ts';
import { broker, registrations } from '../../src/doctor/reach.ts';
import type { Finding, ServiceStatus } from '../../src/doctor/types.ts';
import { temporaryDirectory } from '../kit/checkout.ts';

const line = ({ what, health, detail }: Finding): string => `${health} ${what}: ${detail}`;
const status = (more: Partial<ServiceStatus> = {}): ServiceStatus => ({
  version: '1',
  registrations: {},
  faults: [],
  sound: { driver: 'alsa', realTime: true },
  mqtt: null,
  ...more,
});

async function configOf(t: TestContext, text: string) {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  const file = join(path, 'terminal.yaml');
  writeFileSync(file, `terminal: { id: t }\n${text}`);
  return { file, path, config: await loadConfig(file) };
}

const PLAIN = 'device: simulated\n';
const ACCOUNT = `${PLAIN}sip: { accounts: { pbx: { address: "sip:a@127.32.0.21", password: x } } }\n`;

for (const [sentence, flags, expected] of [
  ['enough now and before', '0\n', 'ok power: enough, and cool'],
  ['too little now', '50005\n', 'fault power: the voltage is too low now'],
  ['too little once', '50000\n', 'fault power: the voltage has been too low since the start'],
  ['too hot', '8\n', 'fault power: the processor is too hot and slowed down'],
] as const)
  test(`power: ${sentence}`, (t) => {
    const { path, remove } = temporaryDirectory();
    t.after(remove);
    writeFileSync(join(path, 'throttled'), flags);
    assert.deepEqual(power(join(path, 'throttled')).map(line), [expected]);
  });

test('a board that says nothing of its power is asked nothing', () => assert.deepEqual(power('/nonexistent'), []));

test('the network is there with an address that is not the own', () => {
  const of = (address: string, internal = false) => [{ address, internal }] as never;
  assert.equal(line(network({ eth0: of('10.0.0.7'), lo: of('127.0.0.1', true) })), 'ok network: 10.0.0.7 (eth0)');
  assert.match(
    line(network({ eth0: of('fe80::1'), lo: of('127.0.0.1', true) })),
    /^fault network: there is no address/,
  );
});

test('the disk: the folder that will be made, and one that cannot be', async (t) => {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  assert.match(line(await disk(join(path, 'not/yet'))), /^ok disk: \S+ has \d+ MB left$/);
  writeFileSync(join(path, 'file'), '');
  assert.match(line(await disk(join(path, 'file/below'))), /^fault disk: \S+ cannot be written: ENOTDIR/);
});

for (const [sentence, found, expected] of [
  ['registered', status({ registrations: { pbx: { registered: true, reason: '' } } }), /^ok registration pbx: /],
  [
    'refused',
    status({ registrations: { pbx: { registered: false, reason: '403 Forbidden' } } }),
    /^fault registration pbx: 403 Forbidden$/,
  ],
  ['the service does not run', undefined, /^off registration pbx: not tried/],
] as const)
  test(`registration: ${sentence}`, async (t) => {
    const { config } = await configOf(t, ACCOUNT);
    assert.match((await registrations(config, found)).map(line).join(), expected);
  });

test('the broker: nobody there, somebody there, the service is in, the service is refused', async (t) => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.32.0.22', resolve));
  const { port } = server.address() as { port: number };
  const { config } = await configOf(t, `${PLAIN}mqtt: { url: "mqtt://127.32.0.22:${port}" }\n`);
  assert.match(line(await broker(config, undefined)), /^ok broker: .*somebody listens/);
  assert.match(line(await broker(config, status({ mqtt: { connected: true } }))), /^ok broker: .*: connected$/);
  const refused = status({ mqtt: { connected: false }, faults: [{ fault: 'mqtt', reason: 'bad user' }] });
  assert.equal(line(await broker(config, refused)), 'fault broker: bad user');
  await new Promise((resolve) => server.close(resolve));
  assert.match(line(await broker(config, undefined)), /^fault broker: .*ECONNREFUSED$/);
});

test('lines and sound that cannot be had are faults, with the mend', async (t) => {
  const { config } = await configOf(
    t,
    `device:
  profile: simulated
  buttons: { help: { driver: gpiochip, chip: nochip, line: 3, active: low } }
  sound: { driver: alsa, speaker: "hw:CARD=none", microphone: "hw:CARD=none", rate: 16000, period: 10ms }
`,
  );
  const findings = await readBoard(config, undefined);
  assert.deepEqual(
    findings.map(({ what, health, mend }) => `${health} ${what} ${mend === undefined}`),
    ['fault gpio help false', 'fault speaker false', 'fault microphone false'],
  );
  const running = status({
    faults: [{ fault: 'gpio:help', reason: 'gone' }],
    sound: { driver: 'alsa', realTime: false },
  });
  assert.deepEqual((await readBoard(config, running)).map(line), [
    'fault gpio help: gone',
    'ok sound: hw:CARD=none, hw:CARD=none: no fault since they were last used',
    'fault real time: the sound waits for other programs',
  ]);
});

test('a file with mistakes: the first one, how many more, and the machine all the same', async (t) => {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  writeFileSync(join(path, 'terminal.yaml'), 'terminal: { id: "" }\ndevice: nowhere\n');
  const findings = await diagnose(join(path, 'terminal.yaml'), path, join(path, 'no.sock'));
  const [file, service] = findings.map(line);
  assert.match(file, /^fault file: .*terminal\.yaml:\d.*, and 1 more$/);
  assert.match(service, /^fault service: it is not running$/);
  assert.deepEqual(
    ['clock', 'disk', 'network'].filter((what) => findings.some((finding) => finding.what === what)),
    ['clock', 'disk', 'network'],
  );
});
