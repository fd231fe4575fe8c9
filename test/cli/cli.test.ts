/** The program as a shell sees it: exit codes, one line on stderr, what is told when no service runs and while one comes back. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Service } from '../../src/app/index.ts';
import { controlHandler } from '../../src/app/operator.ts';
import { silentLogger } from '../../src/base/index.ts';
import { ControlServer } from '../../src/control/index.ts';
import { lockState } from '../../src/io/state-lock.ts';
import { Journal, journalFolder } from '../../src/journal/index.ts';
import { Ring } from '../../src/trace/index.ts';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';
import { header, respond, udpSender } from '../kit/sip.ts';
import { startTerminal } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const program = join(checkout, 'build/src/cli/main.js');

function room(t: TestContext): { folder: string; socket: string; env: NodeJS.ProcessEnv } {
  const { path: folder, remove } = temporaryDirectory();
  t.after(remove);
  const socket = join(folder, 'control.sock');
  const { STATE_DIRECTORY: _, ...rest } = process.env;
  return { folder, socket, env: { ...rest, HAILPOINT_SOCKET: socket, HOME: folder } };
}

function hailpoint(args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env, cwd, encoding: 'utf8' });
  return { status, stdout, lines: stderr.split('\n').filter((line) => line !== '') };
}

for (const [sentence, args] of [
  ['an option of another command', ['hangup', '--json']],
  ['an argument too many', ['hangup', 'all']],
  ['a number that is none', ['press', 'help', '--for', 'long']],
] as const)
  test(`${sentence} is wrong usage: 2, and a line`, (t) => {
    const { status, lines } = hailpoint(args, room(t).env);
    assert.deepEqual([status, lines.length], [2, 1], lines.join('\n'));
  });

for (const [sentence, args] of [
  ['no service', ['status']],
  ['no service and no journal', ['events']],
  ['a state directory without a journal', ['events', '--state', '/nonexistent']],
  ['no service to follow', ['events', '-f']],
] as const)
  test(`${sentence} is a failure: 1, and a line`, (t) => {
    const { status, lines } = hailpoint(args, room(t).env);
    assert.deepEqual([status, lines.length], [1, 1], lines.join('\n'));
  });

/** The control socket of a service, on a journal of its own. */
async function served(socket: string, journal: Journal): Promise<ControlServer> {
  const server = new ControlServer(socket, controlHandler({} as Service, journal, new Ring()), silentLogger);
  await server.start();
  return server;
}

const open = (folder: string): Journal => new Journal({ directory: journalFolder(folder), logger: silentLogger });

test('the whole journal comes through the socket, and from the disk when no service runs', async (t) => {
  const { folder, socket, env } = room(t);
  const journal = open(folder);
  // Longer than a chunk of the socket, and no ASCII: characters lie across chunks.
  for (let n = 0; n < 1500; n++)
    journal.append({ type: 'fault', fault: `n${n}`, state: 'raised', reason: 'ä€😀'.repeat(20) });
  const server = await served(socket, journal);
  const child = spawn(process.execPath, [program, 'events', '-n', '1500'], { env });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0);
  await server.stop();
  journal.close();
  assert.equal(text.match(/: (ä€😀){20}$/gmu)?.length, 1500);
  const { status, stdout } = hailpoint(['events', '-n', '1500', '--state', folder], env);
  assert.deepEqual([status, stdout], [0, text]);
});

test('events -f goes on when the service is back, with what happened meanwhile, each once', async (t) => {
  const { folder, socket, env } = room(t);
  let journal = open(folder);
  let server = await served(socket, journal);
  const say = (fault: string) => journal.append({ type: 'fault', fault, state: 'raised', reason: '' });
  say('before');
  const child = spawn(process.execPath, [program, 'events', '-f', '--json'], { env });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  let warnings = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    warnings += chunk;
  });
  const seen = () => [...text.matchAll(/"fault":"(\w+)"/g)].map(([, fault]) => fault);
  await until('the first event', 5000, () => seen().length === 1);
  say('live');
  await until('the second', 5000, () => seen().length === 2);
  await server.stop();
  say('meanwhile');
  journal.close();
  journal = open(folder);
  await until('it to say that nobody is there', 5000, () => warnings !== '');
  server = await served(socket, journal);
  await until('what happened meanwhile', 5000, () => seen().length === 3);
  say('again');
  await until('what happens now', 5000, () => seen().length === 4);
  assert.deepEqual(seen(), ['before', 'live', 'meanwhile', 'again']);
  assert.equal(warnings.trim().split('\n').length, 1, warnings);
  await server.stop();
  journal.close();
});

test('a reader that leaves ends the command without a stack', async (t) => {
  const { folder, socket, env } = room(t);
  mkdirSync(journalFolder(folder), { recursive: true });
  const journal = open(folder);
  const server = await served(socket, journal);
  journal.append({ type: 'fault', fault: 'x', state: 'raised', reason: '' });
  const child = spawn(process.execPath, [program, 'events', '-f'], { env });
  t.after(() => child.kill('SIGKILL'));
  let warnings = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    warnings += chunk;
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.stdout.destroy();
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const more = setInterval(() => journal.append({ type: 'fault', fault: 'y', state: 'raised', reason: '' }), 20);
  assert.equal(await ended, 0);
  clearInterval(more);
  assert.equal(warnings, '');
  await server.stop();
  journal.close();
});

test('a second service on the same state directory is a failure: 1, and a line that names the first', (t) => {
  const { folder, env } = room(t);
  lockState(join(folder, 'state'), silentLogger);
  const file = join(folder, 'terminal.yaml');
  writeFileSync(file, 'terminal: { id: help-07 }\ndevice: simulated\nsip: { listen: { udp: "127.42.0.1:5060" } }\n');
  const { status, lines } = hailpoint(['run', '-c', file, '--state', join(folder, 'state')], env);
  assert.deepEqual([status, lines.length], [1, 1], lines.join('\n'));
  assert.match(lines[0], new RegExp(`state: another hailpoint \\(process ${process.pid}\\)`));
  assert.equal(existsSync(journalFolder(join(folder, 'state'))), false);
});

const explained = `terminal: { id: help-07 }
device: simulated
sip: { accounts: { pbx: { address: "sip:help-07@127.32.0.6", password: x } } }
calls: { control: { steps: [ { ring: [ "sip:100@127.32.0.6" ], for: 7s } ] } }
buttons: { help: { press: { call: control } } }
incoming: [ { from: "sip:*@127.32.0.6", answer: when-asked, as: page, priority: 5 } ]
`;
const invite = `INVITE sip:help-07@127.32.0.5 SIP/2.0
Via: SIP/2.0/UDP 127.32.0.9;branch=z9hG4bK1
From: <sip:100@127.32.0.6>;tag=1
To: <sip:help-07@127.32.0.5>
Call-ID: 1
CSeq: 1 INVITE
Max-Forwards: 70
Call-Info: <sip:x>;answer-after=2`;

for (const [sentence, args, expected] of [
  ['a press', ['help'], /^calls by plan control at priority 10\nstep 1: rings sip:100@127.32.0.6 for 7 s\n/],
  [
    'a call that comes from the PBX',
    ['--source', '127.32.0.6', '--incoming', invite],
    /the server of account pbx\nasks to be answered by Call-Info answer-after, after 2 s\nrule 1 .*answered automatically/,
  ],
  [
    'the same out of a file',
    ['--source', '127.32.0.6', '--incoming', 'invite.sip'],
    /asks to be answered by Call-Info answer-after, after 2 s\nrule 1 /,
  ],
  [
    'a few lines of it',
    [
      '--source',
      '127.32.0.6',
      '--incoming',
      'INVITE sip:a SIP/2.0\nf: <sip:100@127.32.0.6>;tag=1\nCall-Info: <x>;answer-after=2',
    ],
    /asks to be answered by Call-Info answer-after, after 2 s\nrule 1 /,
  ],
  [
    'what was pasted without its body',
    [
      '--source',
      '127.32.0.6',
      '--incoming',
      `${invite}\nContent-Type: application/sdp\nContent-Length: 133\nSubject: x`,
    ],
    /asks to be answered by Call-Info answer-after, after 2 s\nrule 1 /,
  ],
  [
    'what belongs to a call',
    ['--incoming', invite.replace('127.32.0.5>', '127.32.0.5>;tag=2')],
    /call that is up \(To has a tag\)[\s\S]*answer: 481/,
  ],
  [
    'what takes the place of a call',
    ['--incoming', `${invite}\nReplaces: a;to-tag=1;from-tag=2`],
    /it has Replaces[\s\S]*481/,
  ],
  ['what is no call', ['--incoming', invite.replaceAll('INVITE', 'PUBLISH')], /^this is PUBLISH: no rule/],
  [
    'the same from somewhere else',
    ['--incoming', invite],
    /^sip:100@127.32.0.6, from 127.32.0.9\n[\s\S]*603 Decline\n$/,
  ],
] as const)
  test(`explains ${sentence}`, (t) => {
    const { folder, env } = room(t);
    const file = join(folder, 'terminal.yaml');
    writeFileSync(file, explained);
    writeFileSync(join(folder, 'invite.sip'), invite);
    const { status, stdout } = hailpoint(['explain', '-c', file, ...args], env, folder);
    assert.equal(status, 0);
    assert.match(stdout, expected);
  });

test('what cannot be explained is a failure: a button that is not there, a text that is no INVITE', (t) => {
  const { folder, env } = room(t);
  const file = join(folder, 'terminal.yaml');
  writeFileSync(file, explained);
  for (const args of [['side'], ['--incoming', 'hello'], ['--incoming', 'hello world']]) {
    const { status, lines } = hailpoint(['explain', '-c', file, ...args], env);
    assert.deepEqual([status, lines.length], [1, 1], lines.join('\n'));
    if (args[1] === 'hello') assert.match(lines[0], /there is no file hello/);
  }
});

for (const [sentence, sound, connected, code, words] of [
  [
    'all is well',
    { ok: true, reason: 'as at commissioning, 40 dB clear' },
    true,
    0,
    /^passed {2}loudspeaker and microphone: as at commissioning, 40 dB clear\npassed {2}registration pbx: .*\npassed {2}broker: connected\n$/,
  ],
  [
    'a silent loudspeaker',
    { ok: false, reason: 'loudspeaker silent' },
    true,
    1,
    /^FAILED {2}loudspeaker and microphone: loudspeaker silent\npassed {2}registration pbx/,
  ],
  ['no broker', { ok: true, reason: 'heard' }, false, 1, /\nFAILED {2}broker: not connected\n$/],
] as const)
  test(`selftest, ${sentence}: ${code}, and a line for each part`, async (t) => {
    const { folder, socket, env } = room(t);
    const asked: object[] = [];
    const service = {
      command: (command: object) => {
        asked.push(command);
        return Promise.resolve(sound);
      },
      status: () => ({ registrations: { pbx: { registered: true, reason: 'for 300 s' } }, mqtt: { connected } }),
    };
    const journal = open(folder);
    const handler = controlHandler(service as unknown as Service, journal, new Ring());
    const server = new ControlServer(socket, handler, silentLogger);
    await server.start();
    t.after(async () => {
      await server.stop();
      journal.close();
    });
    const child = spawn(process.execPath, [program, 'selftest', '--baseline'], { env });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    assert.equal(await new Promise((resolve) => child.on('close', resolve)), code);
    assert.match(text, words);
    assert.deepEqual(asked, [{ verb: 'selftest', baseline: true }]);
  });

test('a machine that stands still in the middle of a reload ends nothing', { timeout: 60_000 }, async (t) => {
  // Knows everybody at first, and then leaves the un-REGISTER to be waited for.
  const registrar = await udpSender('127.77.1.6', { address: '127.77.1.5', port: 5060 }, 5060);
  t.after(() => registrar.close());
  const terminal = await startTerminal(t, {
    address: '127.77.1.5',
    config: { sip: { accounts: { pbx: { address: 'sip:a@127.77.1.6', password: { env: 'SECRET' } } } } },
    env: { SECRET: 'x' },
  });
  const register = await registrar.inbox.take(
    'a REGISTER',
    5_000,
    ({ method, status }) => method === 'REGISTER' && !status,
  );
  registrar.send(respond(register, 200, 'OK', [`Contact: ${header(register, 'Contact')};expires=300`]));
  await terminal.registered();
  await terminal.command('reload');
  await until('the goodbye', 5_000, () => terminal.log.includes('"Stopping"'), 10);
  process.kill(terminal.pid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  process.kill(terminal.pid, 'SIGCONT');
  await until('the service anew', 10_000, () => terminal.log.split('"Ready"').length === 3);
  assert.ok(terminal.running);
});
