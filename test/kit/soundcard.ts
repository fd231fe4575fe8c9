/**
 * Virtual sound cards without /dev/snd or kernel modules: the real ALSA API over its `pulse` plugin to a private PulseAudio
 * with null sinks, paced in real time. Per card: `CARD` (play and capture), `CARD_ear` (captures what it plays), `CARD_mouth`
 * (plays into its microphone); its mixer has the controls Master and Capture. Everything lives in one directory; nothing in /etc or $HOME is touched.
 *
 * Known of it: gaps of 20-60 ms now and then on a busy machine, more so when it may not have real-time priority. Judge
 * medians and counts, never a single gap.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './checkout.ts';
import { until } from './wait.ts';

const RATE_HZ = 48000;
const START_LIMIT_MS = 10_000;

/** Which program the cards need and is not there; undefined: all is well. */
export function soundcardsLack(): string | undefined {
  return ['pulseaudio', 'pactl', 'aplay', 'arecord'].find(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
}

export class SoundCards {
  /** What a program needs in its environment to see the cards; the first of them is `default` too. */
  readonly env: { ALSA_CONFIG_PATH: string; PULSE_SERVER: string };
  readonly #directory: string;
  readonly #remove: () => void;
  #server: ChildProcess | undefined;
  readonly #children = new Set<ChildProcess>();
  readonly #reap = (): void => {
    for (const child of [...this.#children, this.#server]) child?.kill('SIGKILL');
  };

  /** Use `start`. */
  constructor(directory: string, remove: () => void) {
    this.#directory = directory;
    this.#remove = remove;
    this.env = { ALSA_CONFIG_PATH: join(directory, 'asound.conf'), PULSE_SERVER: `unix:${join(directory, 'native')}` };
    process.on('exit', this.#reap);
  }

  static async start(...names: string[]): Promise<SoundCards> {
    const { path, remove } = temporaryDirectory();
    const cards = new SoundCards(path, remove);
    writeFileSync(join(path, 'asound.conf'), alsaConfiguration(names, cards.env.PULSE_SERVER));
    writeFileSync(join(path, 'default.pa'), pulseConfiguration(names, join(path, 'native')));
    await cards.revive();
    return cards;
  }

  /** Makes the cards visible to this very process; before libasound is used for the first time. */
  enter(): this {
    Object.assign(process.env, this.env);
    return this;
  }

  /** Records what the loudspeaker of `card` plays into `path` (WAV, mono s16); resolves when `seconds` are on disk. */
  async record(card: string, seconds: number, path: string, rateHz = RATE_HZ): Promise<void> {
    await this.#record(card, seconds, path, rateHz);
  }

  /** The same, but what is recorded may be over earlier: a little after `over`. */
  async recordUntil(over: Promise<unknown>, card: string, seconds: number, path: string): Promise<void> {
    await this.#record(card, seconds, path, RATE_HZ, over);
  }

  async #record(card: string, seconds: number, path: string, rateHz: number, over?: Promise<unknown>): Promise<void> {
    const buffers = [`--period-size=${rateHz / 100}`, `--buffer-size=${rateHz / 10}`];
    const format = ['-f', 'S16_LE', '-c', '1', '-r', `${rateHz}`, ...buffers];
    // In samples, for arecord rounds `-d` to whole seconds.
    const length = `--samples=${Math.round(seconds * rateHz)}`;
    await this.#run('arecord', ['-q', '-D', `${card}_ear`, ...format, length, path], over);
  }

  /** Speaks a WAV file into the microphone of `card`; resolves when it is said. */
  async feed(card: string, path: string): Promise<void> {
    await this.#run('aplay', ['-q', '-D', `${card}_mouth`, path]);
  }

  /**
   * Acoustic coupling: what the loudspeaker plays is heard by the microphone of the same card. No `adjust_time`: after a standstill
   * the server would win its latency back by playing up to 1 % faster for seconds, which air does not do.
   */
  async couple(card: string, latencyMs = 20): Promise<void> {
    const modules = ['load-module', 'module-loopback', `source=${card}_out.monitor`, `sink=${card}_in`];
    await this.#run('pactl', [...modules, `latency_msec=${latencyMs}`, 'adjust_time=0']);
  }

  /** The card stands still from now on, as with a hung driver: nothing fails, nothing moves. */
  freeze(): void {
    const server = this.#server;
    if (server === undefined) return;
    server.kill('SIGSTOP');
    while (!/^State:\s+[TZ]/m.test(readFileSync(`/proc/${server.pid}/status`, 'latin1')));
  }

  thaw(): void {
    this.#server?.kill('SIGCONT');
  }

  /** The card is gone, as a USB card pulled out. */
  async crash(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.ref();
    server.kill('SIGKILL');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }

  /** And plugged in again. */
  async revive(): Promise<void> {
    const home = join(this.#directory, 'home');
    mkdirSync(home, { recursive: true });
    rmSync(join(this.#directory, 'native'), { force: true });
    const log = join(this.#directory, 'pulse.log');
    const behaviour = ['--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disallow-exit=yes'];
    const speed = ['--realtime=yes', '--high-priority=yes', '--disable-shm=yes', '--resample-method=speex-float-3'];
    const logging = [`--log-target=file:${log}`, '--log-level=notice'];
    const script = ['-n', '-F', join(this.#directory, 'default.pa')];
    this.#server = spawn('pulseaudio', [...script, ...behaviour, ...speed, ...logging], {
      stdio: 'ignore',
      env: {
        ...process.env,
        HOME: home,
        XDG_CONFIG_HOME: home,
        PULSE_RUNTIME_PATH: join(this.#directory, 'run'),
        PULSE_STATE_PATH: join(this.#directory, 'state'),
      },
    });
    this.#server.unref();
    const env = { ...process.env, ...this.env };
    await until(
      `the sound server (${log})`,
      START_LIMIT_MS,
      () => existsSync(join(this.#directory, 'native')) && spawnSync('pactl', ['info'], { env }).status === 0,
    );
    // A card of hardware does not wait for the processor. Only root may; without it the gaps of a busy machine are heard.
    spawnSync('chrt', ['--all-tasks', '--fifo', '--pid', '40', `${this.#server.pid}`]);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.crash();
    process.removeListener('exit', this.#reap);
    this.#remove();
  }

  /** `over`: it is ended a little after that. */
  async #run(program: string, args: string[], over?: Promise<unknown>): Promise<void> {
    const child = spawn(program, args, { env: { ...process.env, ...this.env }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.add(child);
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
    let ended = false;
    const end = (): void => {
      ended = child.kill('SIGINT');
    };
    over?.then(
      () => setTimeout(end, 300),
      () => setTimeout(end, 0),
    );
    const [status] = await once(child, 'close');
    this.#children.delete(child);
    if (status !== 0 && !ended) throw new Error(`${program} ${args.join(' ')}: exit ${status}: ${complaint}`);
  }
}

function alsaConfiguration(names: string[], server: string): string {
  const lines = ['</usr/share/alsa/alsa.conf>'];
  const pulse = (pcm: string, device: string): void => {
    lines.push(`pcm.${pcm} { type pulse server "${server}" device "${device}" }`);
  };
  const both = (pcm: string, card: string): void => {
    lines.push(`pcm.${pcm} { type asym playback.pcm "${card}_spk" capture.pcm "${card}_mic" }`);
  };
  for (const name of names) {
    pulse(`${name}_spk`, `${name}_out`);
    pulse(`${name}_mic`, `${name}_in.monitor`);
    pulse(`${name}_ear`, `${name}_out.monitor`);
    pulse(`${name}_mouth`, `${name}_in`);
    both(name, name);
    lines.push(`ctl.${name} { type pulse server "${server}" sink "${name}_out" source "${name}_in.monitor" }`);
  }
  both('!default', names[0]);
  return `${lines.join('\n')}\n`;
}

function pulseConfiguration(names: string[], socket: string): string {
  const lines = ['.fail', `load-module module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
  for (const name of names) {
    for (const side of ['out', 'in']) {
      // norewinds: a fixed short latency; without it the first period of an idle sink is up to two seconds late.
      const sink = `sink_name=${name}_${side} rate=${RATE_HZ} channels=1 format=s16le norewinds=1`;
      lines.push(`load-module module-null-sink ${sink}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
