/** The real peers of the tests: started and stopped, and what Asterisk says. Addresses and dialplan: `peers/README.md`. */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './checkout.ts';
import { until } from './wait.ts';

export type PeerName = 'asterisk' | 'kamailio' | 'rtpengine' | 'baresip' | 'control' | 'mosquitto';

const run = promisify(execFile);
const script = `${checkout}test/kit/peers/peers`;
const startLimitMs = 60_000;

async function peers(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run(script, args, {
    timeout: startLimitMs,
    maxBuffer: 1 << 26,
    env: { ...process.env, ...env },
  });
  return stdout;
}

let known: Promise<Record<string, string>> | undefined;

/** The addresses and directories of the peers: `PEERS_AST_IP`, `PEERS_MEDIA`, ... */
export function peerEnvironment(): Promise<Record<string, string>> {
  known ??= peers(['env']).then((text) =>
    Object.fromEntries(Array.from(text.matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name, value])),
  );
  return known;
}

/** Starts what does not run yet; resolves when it is ready. `env`: settings of the script, as `PEERS_TERM_ACCOUNT`. */
export async function startPeers(names: readonly PeerName[], env?: Record<string, string>): Promise<void> {
  await peers(['start', ...names], env);
}

export async function stopPeers(...names: PeerName[]): Promise<void> {
  await peers(['stop', ...names]);
}

/** The process of a running peer. */
export async function peerProcess(name: PeerName): Promise<number> {
  return Number(/pid=(\d+)/.exec(await peers(['status', name]))![1]);
}

/** Stops them, unless a runner asked to keep them for the next test file. */
export async function leavePeers(...names: PeerName[]): Promise<void> {
  if (process.env.HAILPOINT_KIT_KEEP === undefined) await stopPeers(...names);
}

/** Asterisk as seen from its console and its log. */
export class Asterisk {
  readonly address: string;
  readonly media: string;
  readonly state: string;

  constructor(env: Record<string, string>) {
    this.address = env.PEERS_AST_IP;
    this.media = env.PEERS_MEDIA;
    this.state = env.PEERS_STATE;
  }

  /** A command of its console; resolves with what it printed. */
  cli(command: string): Promise<string> {
    return peers(['cli', command]);
  }

  /** Calls a channel (`Local/71001@intercom`) and plays a sound file (without extension) to it. */
  originate(channel: string, sound = 'announce'): Promise<string> {
    return this.cli(`channel originate ${channel} application Playback ${join(this.media, sound)}`);
  }

  /** The contacts of an account. */
  async contacts(account: string): Promise<string[]> {
    const table = await this.cli('pjsip show contacts');
    return [...table.matchAll(/^\s+Contact:\s+(\d+)\/(\S+)/gm)]
      .filter(([, aor]) => aor === account)
      .map(([, , uri]) => uri);
  }

  async hangupAll(): Promise<void> {
    await this.cli('channel request hangup all');
    await until('Asterisk to be rid of its channels', 10_000, async () =>
      /^0 active channels/m.test(await this.cli('core show channels count')),
    );
  }

  /** Ends the channels whose names begin so. */
  async hangup(prefix: string): Promise<void> {
    const channels = (await this.cli('core show channels concise')).split('\n').map((line) => line.split('!')[0]);
    for (const name of channels) if (name.startsWith(prefix)) await this.cli(`channel request hangup ${name}`);
  }

  get #log(): string {
    return join(this.state, 'asterisk/log/messages.log');
  }

  /** A place in its log: from here on `logged` looks. SIP messages are there after `cli('pjsip set logger on')`. */
  mark(): number {
    return statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
  }

  logSince(mark: number): string {
    const size = this.mark() - mark;
    if (size <= 0) return '';
    const bytes = Buffer.alloc(size);
    const file = openSync(this.#log, 'r');
    try {
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, size, mark));
    } finally {
      closeSync(file);
    }
  }

  /** The SIP messages it has `received` or `sent` since; its logger must be on. */
  sipSince(mark: number, way: 'received' | 'sent'): string[] {
    const word = way === 'received' ? 'Received' : 'Transmitting';
    const messages = this.logSince(mark).matchAll(
      new RegExp(`<--- ${word} SIP \\w+ [^\n]*--->\n([\\s\\S]*?)(?=\n\\[\\d{4}-|$)`, 'g'),
    );
    return Array.from(messages, ([, text]) => text);
  }

  /** Waits for a line (or several) in its log. */
  logged(mark: number, pattern: RegExp, limitMs: number): Promise<RegExpExecArray> {
    return until(`${pattern} in Asterisk's log`, limitMs, () => pattern.exec(this.logSince(mark)) ?? undefined);
  }
}

/** A running Asterisk with nothing left of the test before. */
export async function asterisk(): Promise<Asterisk> {
  await startPeers(['asterisk']);
  const pbx = new Asterisk(await peerEnvironment());
  await pbx.hangupAll();
  await pbx.cli('dialplan set global AA call-info');
  await pbx.cli('dialplan set global PAGER 2000');
  return pbx;
}

/** A file of the peers' media folder: `announce.wav`. */
export async function mediaFile(name: string): Promise<string> {
  return join((await peerEnvironment()).PEERS_MEDIA, name);
}

/** The certificate authority that signed the peers' certificates, PEM. */
export async function peersCa(): Promise<{ path: string; pem: string }> {
  const path = join((await peerEnvironment()).PEERS_TLS, 'ca.pem');
  return { path, pem: readFileSync(path, 'utf8') };
}
