/** The program under test as its users have it: a process with a file, a state directory and a control socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { checkout, temporaryDirectory } from './checkout.ts';
import { Inbox, until } from './wait.ts';

/** An event as the journal holds it. */
export interface Event {
  id: string;
  type: string;
  time: string;
  monotonicMs: number;
  [field: string]: unknown;
}

export interface Status {
  state: string;
  calls: {
    call: string;
    kind: string;
    direction: string;
    state: string;
    peer: string;
    priority: number;
    encryption?: string;
  }[];
  outputs: Record<string, { on: boolean; blinkMs?: number }>;
  faults: { fault: string; reason: string }[];
  registrations: Record<string, { registered: boolean; reason: string }>;
  sound: Record<string, unknown>;
  mqtt: { connected: boolean } | null;
}

export type Tree = { [key: string]: unknown };

export interface TerminalOptions {
  /** What `terminal.yaml` holds, over the defaults of `terminalFile`. */
  config?: Tree;
  env?: Record<string, string>;
  /** Where it listens, port 5060 UDP and TCP. Peers use 127.0.0.10 to .40. */
  address?: string;
}

/** First three octets of every address of the tests: the peers' own setting moves both. */
export const net = process.env.PEERS_NET ?? '127.0.0';

/** A message of `hailpoint trace`. */
export interface Traced {
  direction: 'in' | 'out';
  transport: string;
  remote: { host: string; port: number };
  text: string;
}

/** What the service may need in a call, some seconds after its start. */
export const residentLimitMb = 65;

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!;
  return Number(kilobytes) / 1024;
}

/** What a test gives to have its things put away: node:test's context. */
export interface Cleaner {
  after(done: () => Promise<void> | void): void;
}

const startLimitMs = 15_000;
const stopLimitMs = 10_000;
const answerLimitMs = 5_000;

/** An account of the kit's Asterisk for the `accounts` of a terminal's file. */
export function account(user: string, more: Tree = {}): Tree {
  return {
    address: `sip:${user}@${net}.10`,
    servers: [`sip:${net}.10`],
    username: user,
    password: `pw${user}`,
    expires: '60s',
    ...more,
  };
}

function terminalFile(address: string, config: Tree): Tree {
  const { sip = {}, ...rest } = config;
  return {
    terminal: { id: 'help-07', name: 'Platform 2, north stairs' },
    device: { profile: 'simulated', sound: { driver: 'none' } },
    sip: { listen: { udp: `${address}:5060`, tcp: `${address}:5060` }, ...(sip as Tree) },
    ...rest,
  };
}

export class TerminalProcess {
  readonly address: string;
  readonly directory: string;
  /** Its events since it (last) started, and those of the journal before. */
  events = new Inbox<Event>();
  readonly #env: NodeJS.ProcessEnv;
  readonly #file: string;
  #child!: ChildProcess;
  #ended!: Promise<{ code: number | null; signal: string | null }>;
  #following?: Socket;
  #log = '';

  constructor(directory: string, address: string, options: TerminalOptions) {
    this.directory = directory;
    this.address = address;
    this.#file = join(directory, 'terminal.yaml');
    this.#env = { ...process.env, HAILPOINT_SOCKET: join(directory, 'control.sock'), ...options.env };
    writeFileSync(this.#file, stringify(terminalFile(address, options.config ?? {})));
  }

  /** Starts the process and follows its journal; resolves when it answers at its socket. Also after `stop` and `kill`. */
  async run(): Promise<void> {
    this.events = new Inbox();
    const args = ['src/cli/hailpoint.mjs', 'run', '-c', this.#file, '--state', join(this.directory, 'state')];
    const child = spawn(process.execPath, args, { cwd: checkout, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk) => (this.#log = (this.#log + chunk).slice(-200_000)));
    this.#ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    await this.#reported(
      until('the terminal to answer at its socket', startLimitMs, async () => {
        if (child.exitCode !== null) throw new Error(`the terminal ended with ${child.exitCode}`);
        if (!existsSync(this.#env.HAILPOINT_SOCKET!)) return false;
        return this.command('status').then(
          () => true,
          () => false,
        );
      }),
    );
    await this.#reported(this.#follow());
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** One line to the socket, one line back; rejects when the answer is a refusal. */
  command(command: string, more: Tree = {}): Promise<Tree> {
    const socket = connect(this.#env.HAILPOINT_SOCKET!, () =>
      socket.write(`${JSON.stringify({ command, ...more })}\n`),
    );
    return new Promise<Tree>((resolve, reject) => {
      let text = '';
      socket.setTimeout(answerLimitMs, () => reject(new Error(`no answer to ${command} in ${answerLimitMs} ms`)));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`no answer to ${command}`)));
      socket.on('data', (chunk) => {
        text += chunk;
        if (!text.includes('\n')) return;
        const answer = JSON.parse(text.slice(0, text.indexOf('\n'))) as Tree;
        if (answer.ok === true) resolve(answer);
        else reject(new Error(`${command} was refused: ${answer.error}`));
      });
    }).finally(() => socket.destroy());
  }

  /** The SIP of the last minutes, oldest first. */
  async sip(): Promise<Traced[]> {
    const { messages } = await this.command('trace');
    return (messages as (Traced & { message: string })[]).map(({ message, ...passed }) => ({
      ...passed,
      text: Buffer.from(message, 'base64').toString('utf8'),
    }));
  }

  async press(button = 'help', forMs = 200): Promise<void> {
    await this.command('press', { button, forMs });
  }

  async status(): Promise<Status> {
    const answer = await this.command('status');
    return (answer.status ?? answer) as unknown as Status;
  }

  /** The first event with these fields that comes, or has come since `from` (a length of `events.items`). */
  event(fields: Tree, limitMs: number, from = 0): Promise<Event> {
    const fits = (event: Event): boolean => Object.entries(fields).every(([name, value]) => event[name] === value);
    return this.#reported(this.events.take(`the event ${JSON.stringify(fields)}`, limitMs, fits, from));
  }

  /** Waits until its status shows this. */
  async shows(what: string, limitMs: number, look: (status: Status) => boolean): Promise<Status> {
    let last: Status | undefined;
    const seen = until(what, limitMs, async () => {
      last = await this.status();
      return look(last) && last;
    });
    return this.#reported(seen).catch((error: Error) => {
      throw new Error(`${error.message}\nits last status: ${JSON.stringify(last, null, 1)}`);
    });
  }

  registered(name = 'pbx', limitMs = 10_000): Promise<Status> {
    return this.shows(`${name} to be registered`, limitMs, (status) => status.registrations[name]?.registered === true);
  }

  /** SIGTERM; resolves when it has ended: how, and after how long. */
  async stop(): Promise<{ code: number | null; ms: number }> {
    const begin = performance.now();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopLimitMs);
    const { code } = await this.#ended;
    clearTimeout(timer);
    this.#following?.destroy();
    return { code, ms: performance.now() - begin };
  }

  /** SIGKILL: nothing is put away. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
    this.#following?.destroy();
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it printed. */
  get log(): string {
    return this.#log.split('\n').slice(-60).join('\n');
  }

  /** Resolves when the events of before are here. */
  #follow(): Promise<void> {
    const socket = connect(this.#env.HAILPOINT_SOCKET!, () => socket.write('{"command":"events","follow":true}\n'));
    this.#following = socket;
    let text = '';
    const seen = new Set<string>();
    socket.on('error', () => socket.destroy());
    return new Promise((resolve, reject) => {
      socket.once('close', () => reject(new Error('the terminal told no events')));
      socket.on('data', (chunk) => {
        const lines = (text + chunk).split('\n');
        text = lines.pop()!;
        for (const line of lines) {
          const message = JSON.parse(line) as Event & { events?: Event[] };
          // The first line answers the command, with the events of before; each line after it is an event.
          for (const event of message.events ?? [message]) {
            if (seen.has(event.id)) continue;
            seen.add(event.id);
            this.events.put(event);
          }
          resolve();
        }
      });
    });
  }

  #reported<T>(wait: Promise<T>): Promise<T> {
    return wait.catch((error: Error) => {
      const events = this.events.items.slice(-15).map((event) => JSON.stringify(event));
      throw new Error(`${error.message}\nits last events:\n${events.join('\n')}\nthe end of its log:\n${this.log}`);
    });
  }
}

/** Starts a terminal for a test and puts it away afterwards. */
export async function startTerminal(t: Cleaner, options: TerminalOptions = {}): Promise<TerminalProcess> {
  const { path, remove } = temporaryDirectory();
  const terminal = new TerminalProcess(path, options.address ?? `${net}.50`, options);
  t.after(async () => {
    if (terminal.running) await terminal.stop();
    remove();
  });
  await terminal.run();
  return terminal;
}
