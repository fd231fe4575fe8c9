/** The baresip of the host's Debian on a virtual sound card: as shipped, or as fast as it can be made by its configuration. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './checkout.ts';
import { until } from './wait.ts';

export type Tuning = 'shipped' | 'tuned';

/** Undefined: it is installed. */
export function baresipLacks(): string | undefined {
  return spawnSync('sh', ['-c', 'command -v baresip']).status === 0 ? undefined : 'baresip-core';
}

export class BaresipOnCard {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #remove: () => void;
  #said = '';

  private constructor(child: ChildProcess, remove: () => void) {
    this.#child = child;
    this.pid = child.pid!;
    this.#remove = remove;
    child.stdout!.on('data', (chunk) => (this.#said += chunk));
  }

  /** Answers every call; with `dial` it makes one. `codec`: as baresip writes it, `PCMA/8000/1`. */
  static async start(
    card: string,
    address: string,
    env: Record<string, string>,
    { tuning, codec = 'PCMA/8000/1', dial }: { tuning: Tuning; codec?: string; dial?: string },
  ): Promise<BaresipOnCard> {
    const { path, remove } = temporaryDirectory();
    const home = join(path, 'baresip');
    mkdirSync(home);
    // Its first start writes what it is shipped with.
    spawnSync('baresip', ['-f', home, '-t', '0'], { timeout: 5_000, stdio: ['pipe', 'ignore', 'ignore'] });
    const fast = {
      jitter_buffer_type: 'off',
      jitter_buffer_delay: '0-1',
      audio_buffer: '10-20',
      audio_txmode: 'thread',
    };
    const settings: Record<string, string> = {
      sip_listen: `${address}:5060`,
      audio_source: `alsa,${card}`,
      audio_player: `alsa,${card}`,
      audio_alert: 'alsa,null',
      net_interface: address,
      ...(tuning === 'tuned' && fast),
    };
    const shipped = readFileSync(join(home, 'config'), 'utf8').split('\n');
    const kept = shipped.filter(
      (line) => !(line.split(/\s/)[0] in settings) && !/^module\S*\s+(stdio|ice|stun|turn)/.test(line),
    );
    const more = [...(/opus/.test(codec) ? ['module opus.so'] : [])];
    const lines = [...kept, ...Object.entries(settings).map((pair) => pair.join('\t')), ...more];
    writeFileSync(join(home, 'config'), `${lines.join('\n')}\n`);
    const packets = tuning === 'tuned' ? ';ptime=10' : '';
    const account = `<sip:phone@${address};regint=0>;regint=0;answermode=auto;audio_codecs=${codec}${packets}`;
    writeFileSync(join(home, 'accounts'), `${account}\n`);
    const args = ['-f', home, '-4', ...(dial === undefined ? [] : ['-e', `/dial ${dial}`])];
    const child = spawn('baresip', args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
    const phone = new BaresipOnCard(child, remove);
    await until('baresip to be ready', 10_000, () => /ready/.test(phone.#said));
    return phone;
  }

  async connected(): Promise<void> {
    await until('the call of baresip', 10_000, () => /established/i.test(this.#said));
  }

  stop(): void {
    this.#child.kill('SIGKILL');
    this.#remove();
  }
}
