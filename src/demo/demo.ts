/**
 * The scripted story: the real service as a process of its own, an MQTT broker, a registrar and two desks. A press, an
 * escalation to the second desk, a talk both ways, a hang-up; then a page. Each step is checked by what came out: on the
 * broker, at the desks, in the WAV of the loudspeaker.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../app/random.ts';
import { parseWav } from '../audio/index.ts';
import { CodedError, type Random } from '../base/index.ts';
import { packageFolder } from '../config/index.ts';
import { ask } from '../control/index.ts';
import type { JournalEvent } from '../journal/index.ts';
import { type Broker, startBroker } from './broker.ts';
import { likeness } from './likeness.ts';
import { Pbx } from './pbx.ts';

export interface DemoOptions {
  /** Ends after the story; otherwise it goes on with the page where the button can be pressed. */
  once: boolean;
}

class DemoError extends CodedError {}

const sound = (name: string): string => join(packageFolder, 'device', 'sounds', `${name}.wav`);
/** What counts as "that speech was heard" (see `likeness`). */
const heardMatch = 0.85;
const stepLimitMs = 15_000;

/** Plays the story. 0: each step really happened. */
export async function runDemo({ once }: DemoOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'hailpoint-demo-'));
  const random: Random = systemRandom;
  const password = random.token();
  const ports = { pbx: await freePort(), terminal: await freePort(), web: await webPort() };
  const broker = await startBroker();
  const heard = { loudspeaker: join(folder, 'loudspeaker.wav'), desk: join(folder, 'desk-101-heard.wav') };
  const pbx = new Pbx({
    port: ports.pbx,
    user: 'demo',
    password,
    random,
    desks: [
      { extension: '100', says: sound('demo-page'), hears: join(folder, 'desk-100-heard.wav') },
      { extension: '101', says: sound('demo-desk'), hears: heard.desk, answersAfterMs: 1_500 },
    ],
  });
  await pbx.start();
  const file = join(folder, 'terminal.yaml');
  writeFileSync(file, terminalFile(ports, broker.port, heard.loudspeaker));
  const socket = join(folder, 'control.sock');
  const log = join(folder, 'terminal.log');
  const terminal = spawn(process.execPath, [process.argv[1]!, 'run', '-c', file, '--state', join(folder, 'state')], {
    env: { ...process.env, HAILPOINT_SOCKET: socket, DEMO_PASSWORD: password },
    stdio: ['ignore', openSync(log, 'w'), 'inherit'],
  });
  const story = new Story(broker, pbx, socket);
  let stopping = false;
  terminal.once('exit', () => stopping || story.fail('the terminal ended'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => story.fail(`ended by ${signal}`));

  let right = false;
  try {
    await tell(story, pbx);
    console.log(`\nWhat the loudspeaker played: ${heard.loudspeaker}`);
    console.log(`What desk 101 heard:         ${heard.desk}`);
    right = await check(story, heard);
    if (!once) {
      console.log(`\nThe terminal keeps running: press its button at http://127.0.0.1:${ports.web}/ (Ctrl-C ends it)`);
      const reason = await story.broken;
      if (!reason.startsWith('ended by')) throw new DemoError('demo-ended', reason);
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    right = false;
    console.error(`The demo failed: ${error.message}\nThe terminal's log: ${log}`);
  } finally {
    // Whatever went wrong, nothing of it goes on running.
    stopping = true;
    if ((await ended(terminal)) !== 0) right = false;
    await pbx.stop();
    await broker.stop();
  }
  return right ? 0 : 1;
}

async function tell(story: Story, pbx: Pbx): Promise<void> {
  await story.until('the terminal is registered', () => pbx.contact !== undefined);
  await story.event('the terminal says so on MQTT', (event) => event.type === 'registration' && event.registered);

  story.say('somebody presses the help button');
  await ask(story.socket, { command: 'press', button: 'help', forMs: 200 });
  await story.event('the press is on MQTT', (event) => event.type === 'press' && event.button === 'help');
  await story.event(
    'the lamp "called" is lit',
    (event) => event.type === 'output' && event.output === 'called' && event.on,
  );
  await story.happens('desk 100 rings', 'desk 100 ringing');
  await story.happens('nobody answers there: desk 101 rings', 'desk 101 ringing');
  await story.happens('desk 101 answers', 'desk 101 talking');
  await story.event('connected', (event) => event.type === 'call' && event.state === 'connected');
  await story.pause(8_500); // they talk: the longer of the two speeches takes 7.6 s
  story.say('desk 101 hangs up');
  pbx.desk('101').hangup();
  await story.event('the call has ended', (event) => event.type === 'call' && event.state === 'ended');
  await story.event('the lamp is out', (event) => event.type === 'output' && event.output === 'called' && !event.on);

  story.say('desk 100 pages');
  pbx.desk('100').dial(pbx.contact!);
  await story.happens('the terminal answers by itself', 'desk 100 talking');
  await story.event('the page is on MQTT', (event) => event.type === 'page' && event.state === 'connected');
  await story.pause(7_500);
  pbx.desk('100').hangup();
  await story.event('the page has ended', (event) => event.type === 'page' && event.state === 'ended');
  await story.pause(1_500); // the WAV files are brought up to date once a second
}

/** By what came out: the speech at both ends, and a microphone that was opened for the talk only. */
async function check(story: Story, heard: { loudspeaker: string; desk: string }): Promise<boolean> {
  const matched = (what: string, said: string, file: string): boolean => {
    const { match } = likeness(parseWav(readFileSync(sound(said))), parseWav(readFileSync(file)));
    console.log(`${match >= heardMatch ? 'ok ' : 'NOT'} ${what} (likeness ${match.toFixed(2)})`);
    return match >= heardMatch;
  };
  const answer = await ask(story.socket, { command: 'status' });
  const opened = answer.ok ? (answer.status as { sound: { microphoneOpened: number } }).sound.microphoneOpened : -1;
  console.log(`${opened === 1 ? 'ok ' : 'NOT'} the microphone was opened once: for the talk, not for the page`);
  return [
    matched('desk 101 heard the caller', 'demo-caller', heard.desk),
    matched('the loudspeaker played desk 101', 'demo-desk', heard.loudspeaker),
    matched('the loudspeaker played the page', 'demo-page', heard.loudspeaker),
    opened === 1,
  ].every(Boolean);
}

/** Waits for what must happen, and prints when it did. */
class Story {
  readonly socket: string;
  readonly #start = performance.now();
  readonly #events: JournalEvent[] = [];
  readonly #happened: string[] = [];
  /** Why it cannot go on. */
  readonly broken: Promise<string>;
  #broken?: string;
  #break!: (reason: string) => void;
  #wake: () => void = () => {};

  constructor(broker: Broker, pbx: Pbx, socket: string) {
    this.socket = socket;
    this.broken = new Promise((resolve) => {
      this.#break = resolve;
    });
    broker.onMessage((topic, payload) => {
      if (topic.endsWith('/event')) this.#events.push(JSON.parse(payload) as JournalEvent);
      this.#wake();
    });
    pbx.onRegistered(() => this.#wake());
    for (const extension of ['100', '101'])
      pbx.desk(extension).onChange((what) => {
        this.#happened.push(`desk ${extension} ${what}`);
        this.#wake();
      });
  }

  say(text: string): void {
    console.log(`${(performance.now() - this.#start).toFixed(0).padStart(6)} ms  ${text}`);
  }

  fail(reason: string): void {
    this.#broken ??= reason;
    this.#break(reason);
    this.#wake();
  }

  event(text: string, wanted: (event: JournalEvent) => boolean): Promise<void> {
    return this.until(text, () => {
      const at = this.#events.findIndex(wanted);
      if (at >= 0) this.#events.splice(0, at + 1); // in order: what comes later is waited for later
      return at >= 0;
    });
  }

  happens(text: string, wanted: string): Promise<void> {
    return this.until(text, () => this.#happened.includes(wanted));
  }

  /** Time for people to speak; ends early when the story does. */
  async pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([over, this.broken]);
    clearTimeout(timer);
    if (this.#broken) throw new DemoError('demo-step', this.#broken);
  }

  async until(text: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + stepLimitMs;
    while (!condition()) {
      if (this.#broken) throw new DemoError('demo-step', `${this.#broken}, waiting for: ${text}`);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new DemoError('demo-step', `not within ${stepLimitMs / 1000} s: ${text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.say(text);
  }
}

function terminalFile(
  ports: { pbx: number; terminal: number; web: number },
  mqtt: number,
  loudspeaker: string,
): string {
  const pbx = `127.0.0.1:${ports.pbx}`;
  return `terminal: { id: demo, name: "Platform 2, north stairs" }
device: { profile: simulated, sound: { driver: file, speaker: ${JSON.stringify(loudspeaker)}, microphone: ${JSON.stringify(sound('demo-caller'))} } }
sip:
  listen: { udp: "127.0.0.1:${ports.terminal}", tcp: "127.0.0.1:${ports.terminal}" }
  accounts:
    pbx: { address: "sip:demo@${pbx}", username: demo, password: { env: DEMO_PASSWORD }, expires: 60s }
calls:
  control-room:
    prompt: ${JSON.stringify(sound('calling'))}
    steps:
      - { ring: [ "sip:100@${pbx}" ], for: 3s }
      - { ring: [ "sip:101@${pbx}" ], for: 20s }
buttons: { help: { press: { call: control-room } } }
incoming:
  - { from: "sip:*@127.0.0.1", answer: auto, as: page, priority: 5 }
outputs:
  called: { on: [ calling, connected ] }
  connected: { on: [ connected ], blink: 500ms }
mqtt: { url: "mqtt://127.0.0.1:${mqtt}" }
web: { listen: "127.0.0.1:${ports.web}" }
`;
}

/** Asks the terminal to stop; its exit code. */
function ended(terminal: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    if (terminal.exitCode !== null || terminal.signalCode !== null) return resolve(terminal.exitCode ?? 1);
    terminal.once('exit', (code) => resolve(code ?? 1));
    terminal.kill('SIGTERM');
  });
}

/** A port that nobody has, of UDP and of TCP. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', () => {
        const { port } = socket.address();
        socket.close(() => resolve(port));
      });
    });
    if (await isFree(port)) return port;
  }
}

/** The one everybody tries first, if it can be had. */
async function webPort(): Promise<number> {
  return (await isFree(8080)) ? 8080 : freePort();
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
