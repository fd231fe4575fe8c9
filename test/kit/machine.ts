/** The Debian 13 machine of `kit/vm` in the hands of a test, and the program installed on it as a package would be. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { checkout, temporaryDirectory } from './checkout.ts';
import { Inbox } from './wait.ts';

const script = join(checkout, 'test/kit/vm/vm');
/** The kernel is compiled when nothing is cached: 4 min on two shared cores. */
const buildLimitMs = 12 * 60_000;

/** Why there can be no machine here; undefined: there can. */
export const noMachine: string | undefined =
  process.platform !== 'linux' || arch() !== 'x64' ? 'User-Mode Linux needs an x86_64 host' : undefined;

/** A command that goes on in the machine: its lines as they come. */
export interface Following {
  lines: Inbox<string>;
  stop(): Promise<void>;
}

export class Machine {
  readonly #env: NodeJS.ProcessEnv;
  /** Of `vm boot`, without the build. */
  bootMs = 0;

  private constructor(name: string) {
    this.#env = { ...process.env, PI_VM_NAME: name };
  }

  /** Boots a fresh machine; several may run by different names, and from different checkouts. */
  static async boot(name: string): Promise<Machine> {
    const place = createHash('sha256').update(checkout).digest('hex').slice(0, 6);
    const machine = new Machine(`hailpoint-${name}-${place}`);
    await machine.stop(); // one that a test before us was killed with
    await machine.#vm(['build'], buildLimitMs);
    const begin = performance.now();
    await machine.#vm(['boot'], 120_000);
    machine.bootMs = Math.round(performance.now() - begin);
    return machine;
  }

  /** Runs a bash command line as root; its standard output. Rejects with all it said when it fails. */
  exec(command: string, limitMs = 30_000): Promise<string> {
    return this.#vm(['exec', command], limitMs);
  }

  /** Makes `to` in the machine a copy of the directory `from` here. */
  async push(from: string, to: string): Promise<void> {
    await this.#vm(['push', from, to], 60_000);
  }

  /** A file of the machine. */
  async fetch(from: string, to: string): Promise<void> {
    writeFileSync(to, Buffer.from(await this.exec(`base64 -w 0 ${from}`), 'base64'));
  }

  follow(command: string): Following {
    const child = spawn(script, ['exec', command], { env: this.#env, stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = new Inbox<string>();
    createInterface(child.stdout).on('line', (line) => lines.put(line));
    return { lines, stop: () => ended(child) };
  }

  async stop(): Promise<void> {
    await this.#vm(['stop'], 40_000);
  }

  #vm(args: readonly string[], limitMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { env: this.#env, timeout: limitMs, maxBuffer: 1 << 27 };
      execFile(script, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(
            new Error(
              `vm ${args.join(' ')}: ${error.killed ? `not done in ${limitMs} ms` : error.code}\n${stdout}${stderr}`,
            ),
          );
      });
    });
  }
}

/** The script ends the command in the machine when it is ended itself. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** Where the program is in the machine. */
export const installed = '/usr/lib/hailpoint';

/**
 * Installs the built program with its own dependencies and nothing else, and the unit with its user and groups. `tests`: the
 * built tests too. Returns how long that took, ms.
 */
export async function install(machine: Machine, { tests = false } = {}): Promise<number> {
  const begin = performance.now();
  const { path, remove } = temporaryDirectory();
  try {
    const copy = (name: string): void => {
      mkdirSync(join(path, name, '..'), { recursive: true });
      cpSync(join(checkout, name), join(path, name), { recursive: true });
    };
    // Whatever it is asked, the program builds itself first when its sources are newer.
    await promisify(execFile)(process.execPath, [join(checkout, 'src/cli/hailpoint.mjs'), '--help']);
    for (const name of ['package.json', 'build/program', 'src/cli/hailpoint.mjs', 'device', 'systemd']) copy(name);
    if (tests) for (const name of ['build/src', 'build/test']) copy(name);
    for (const name of dependencies()) copy(name);
    chmodSync(path, 0o755);
    await machine.push(path, installed);
  } finally {
    remove();
  }
  await machine.exec(`set -e
    chmod 755 ${installed}/src/cli/hailpoint.mjs
    ln -sf ${installed}/src/cli/hailpoint.mjs /usr/bin/hailpoint
    cp ${installed}/systemd/hailpoint.service /usr/lib/systemd/system/
    cp ${installed}/systemd/hailpoint.sysusers /usr/lib/sysusers.d/hailpoint.conf
    cp ${installed}/systemd/*.rules /usr/lib/udev/rules.d/
    systemd-sysusers
    systemctl daemon-reload`);
  return Math.round(performance.now() - begin);
}

interface Lock {
  packages: Record<string, { dev?: boolean; optional?: boolean }>;
}

/** Directories of the packages the program itself needs; an optional one for another platform is absent. */
function dependencies(): string[] {
  const lock = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(lock.packages).flatMap(([path, { dev, optional }]) =>
    path === '' || dev || (optional && !existsSync(join(checkout, path))) ? [] : [path],
  );
}
