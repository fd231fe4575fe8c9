/** A real Mosquitto on a loopback address of one's own: TLS by its own CA, user and password, to be stopped and started. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { Inbox, until } from './wait.ts';

/** Debian puts daemons where a user's PATH does not look. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** Why no broker can be had here; undefined: it can. */
export function brokerMissing(): string | undefined {
  for (const [program, flag] of [
    ['mosquitto', '-h'],
    ['openssl', 'version'],
  ]) {
    if (spawnSync(program, [flag], { env, stdio: 'ignore' }).error)
      return `${program} is not installed (apt-get install mosquitto openssl)`;
  }
  return undefined;
}

export interface Heard {
  topic: string;
  text: string;
  retained: boolean;
  packet: IPublishPacket;
}

export class Broker {
  readonly host: string;
  readonly url: string;
  readonly plainUrl: string;
  readonly username = 'help';
  readonly password = 'help-password';
  /** PEM file of the authority that signed the broker's certificate. */
  readonly ca: string;
  readonly directory: string;
  #process: ChildProcess | undefined;
  #said = '';
  readonly #clients = new Set<MqttClient>();

  /** `host`: an IPv4 address on loopback. Nothing runs yet. */
  constructor(host: string) {
    this.host = host;
    this.url = `mqtts://${host}:8883`;
    this.plainUrl = `mqtt://${host}:1883`;
    this.directory = mkdtempSync(join(tmpdir(), 'hailpoint-broker-'));
    this.ca = join(this.directory, 'ca.pem');
    this.#certify();
    writeFileSync(join(this.directory, 'passwd'), '', { mode: 0o600 });
    execFileSync('mosquitto_passwd', ['-b', join(this.directory, 'passwd'), this.username, this.password], {
      env,
      stdio: 'ignore',
    });
    mkdirSync(join(this.directory, 'state'));
    writeFileSync(
      join(this.directory, 'mosquitto.conf'),
      [
        `listener 1883 ${host}`,
        `listener 8883 ${host}`,
        `cafile ${this.ca}`,
        `certfile ${join(this.directory, 'cert.pem')}`,
        `keyfile ${join(this.directory, 'key.pem')}`,
        'allow_anonymous false',
        `password_file ${join(this.directory, 'passwd')}`,
        'persistence true',
        `persistence_location ${join(this.directory, 'state')}/`,
        `user ${userInfo().username}`,
        'log_dest stderr',
        'log_type all',
        '',
      ].join('\n'),
    );
  }

  /** Runs it, or runs it again with what it kept; resolves when both ports are open. */
  async start(): Promise<void> {
    if (this.#process) throw new Error('the broker runs already');
    const child = spawn('mosquitto', ['-c', join(this.directory, 'mosquitto.conf')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    child.stderr.on('data', (chunk) => {
      this.#said = `${this.#said}${chunk}`.slice(-20_000);
    });
    for (const port of [1883, 8883]) {
      await until(`mosquitto at ${this.host}:${port}`, 5000, () => {
        if (child.exitCode !== null) throw new Error(`mosquitto ended at its start:\n${this.#said}`);
        return isOpen(this.host, port);
      });
    }
  }

  /** Ends it; what is retained is kept. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
  }

  /** The end: everything it had is removed. */
  async remove(): Promise<void> {
    for (const client of this.#clients) client.end(true);
    this.#clients.clear();
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The last of what Mosquitto logged. */
  get log(): string {
    return this.#said;
  }

  /** A client that stays connected by itself and keeps whatever comes on `topics`. Resolves once it is subscribed. */
  async watch(...topics: string[]): Promise<{ heard: Inbox<Heard>; client: MqttClient }> {
    const heard = new Inbox<Heard>();
    const client = mqtt.connect(this.plainUrl, {
      protocolVersion: 5,
      username: this.username,
      password: this.password,
      reconnectPeriod: 50,
    });
    this.#clients.add(client);
    client.on('error', () => {});
    client.on('message', (topic, payload, packet) => {
      heard.put({ topic, text: payload.toString('utf8'), retained: packet.retain, packet });
    });
    await client.subscribeAsync(topics, { qos: 1 });
    return { heard, client };
  }

  #certify(): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    const openssl = (...args: string[]): void => {
      execFileSync('openssl', args, { cwd: this.directory, env, stdio: 'ignore' });
    };
    openssl('req', '-x509', ...key, '-subj', '/CN=hailpoint test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
    const issued = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-addext',
      `subjectAltName=IP:${this.host}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ];
    openssl(
      'req',
      '-x509',
      ...key,
      '-subj',
      '/CN=hailpoint test broker',
      ...issued,
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    );
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
