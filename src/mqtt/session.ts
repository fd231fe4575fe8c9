/** One connection to the broker, from the attempt to its end. It is never revived: the next attempt makes a new one. */
import mqtt, { type MqttClient } from 'mqtt';
import { writeToStream } from 'mqtt-packet';
import { CodedError } from '../base/index.ts';
import type { MqttConfig } from '../config/index.ts';

// The package would keep a buffer ready for each number from 0 to 65535: 8 MB.
(writeToStream as { cacheNumbers?: boolean }).cacheNumbers = false;

/** A broker that answers nothing for this long is given up. */
const ANSWER_MS = 15_000;
const CONNECT_MS = 10_000;
const KEEPALIVE_S = 15;
const MAX_INCOMING_BYTES = 65_536;

export class MqttError extends CodedError {
  /** The broker answered, and does not want it; the connection is as good as before. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean, options?: ErrorOptions) {
    super('mqtt', message, options);
    this.refused = refused;
  }
}

export interface Incoming {
  topic: string;
  payload: Uint8Array;
  retained: boolean;
  responseTopic?: string;
  correlationData?: Buffer;
}

export interface SessionListener {
  connected(): void;
  message(message: Incoming): void;
  /** Once, with the reason; nothing comes after it. `tooNew`: the broker does not know our version of the protocol. */
  over(reason: string, tooNew: boolean): void;
}

/** 5, and for brokers that are older than it 4: MQTT 3.1.1, without response topics. */
export type ProtocolVersion = 4 | 5;

/** MQTT 5 §3.2.2.2 and MQTT 3.1.1 §3.2.2.3: the version is not supported. */
const UNSUPPORTED_VERSION = [0x84, 1];

export interface PublishOptions {
  retain?: boolean;
  correlationData?: Buffer;
}

export class Session {
  readonly #url: string;
  readonly #client: MqttClient;
  readonly #listener: SessionListener;
  /** Those who wait for an answer of the broker. */
  readonly #waiting = new Set<(error: MqttError) => void>();
  #reason: string | undefined;
  #over = false;
  #tooNew = false;

  /** `will`: the topic that says `offline` for us when we cannot. */
  constructor(config: MqttConfig, version: ProtocolVersion, clientId: string, will: string, listener: SessionListener) {
    this.#listener = listener;
    this.#url = config.url;
    this.#client = mqtt.connect(config.url, {
      protocolVersion: version,
      clientId,
      // No session is kept at the broker: what nobody could obey at the time is not obeyed later.
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS,
      keepalive: KEEPALIVE_S,
      resubscribe: false,
      queueQoSZero: false,
      username: config.username,
      password: config.password,
      ca: config.ca,
      rejectUnauthorized: true,
      ...(version === 5 && { properties: { maximumPacketSize: MAX_INCOMING_BYTES } }),
      will: { topic: will, payload: Buffer.from('offline'), qos: 1, retain: true },
    });
    this.#client.on('connect', () => {
      if (!this.#over) listener.connected();
    });
    this.#client.on('message', (topic, payload, { retain, properties }) => {
      if (this.#over) return;
      const { responseTopic, correlationData } = properties ?? {};
      listener.message({ topic, payload, retained: retain, responseTopic, correlationData });
    });
    this.#client.on('disconnect', ({ reasonCode }) => {
      this.#reason ??= `the broker said goodbye (reason code ${reasonCode ?? 0})`;
    });
    this.#client.on('error', (error) => {
      this.#tooNew = version === 5 && UNSUPPORTED_VERSION.includes((error as { code?: unknown }).code as number);
      this.#end(explainError(error));
    });
    this.#client.on('close', () => this.#end('the connection was lost'));
  }

  /** Resolves when the broker has it (PUBACK). Rejects with `MqttError`. */
  publish(topic: string, payload: string, { retain = false, correlationData }: PublishOptions = {}): Promise<void> {
    const properties = correlationData ? { correlationData } : {};
    return this.#ask(`publish ${topic}`, (done) =>
      this.#client.publish(topic, payload, { qos: 1, retain, properties }, done),
    );
  }

  subscribe(topic: string): Promise<void> {
    // Retained messages are not sent (rh 2): a command is for now.
    return this.#ask(`subscribe to ${topic}`, (done) => this.#client.subscribe(topic, { qos: 1, rh: 2 }, done));
  }

  /** Says goodbye, so that the broker does not publish the will; within `limitMs`. */
  async goodbye(limitMs: number): Promise<void> {
    this.#over = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#client.end(false, {}, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    // A broker that does not close its side keeps nobody waiting.
    this.#client.stream.destroy();
  }

  /** Drops the connection without a word. */
  drop(): void {
    this.#over = true;
    this.#client.end(true);
  }

  #ask(what: string, send: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: MqttError): void => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        if (error) reject(error);
        else resolve();
      };
      const timer = setTimeout(() => {
        this.#end(`no answer to ${what} within ${ANSWER_MS / 1000} s`);
      }, ANSWER_MS);
      this.#waiting.add(settle);
      send((error) => {
        if (!error) settle();
        // A reason code is the broker's own word; all else means that the connection is gone.
        else if (typeof (error as { code?: unknown }).code === 'number') {
          settle(new MqttError(`the broker refused to ${what}: ${error.message}`, true, { cause: error }));
        } else settle(new MqttError(`cannot ${what}: ${error.message}`, false, { cause: error }));
      });
    });
  }

  #end(reason: string): void {
    this.#reason ??= reason;
    for (const settle of [...this.#waiting]) settle(new MqttError(this.#reason, false));
    if (this.#over) return;
    this.drop();
    this.#listener.over(`${this.#url}: ${this.#reason}`, this.#tooNew);
  }
}

/** A host with several addresses fails with one error for each. */
function explainError(error: Error): string {
  const { errors, code } = error as { errors?: Error[]; code?: string };
  if (errors !== undefined && errors.length > 0) return errors.map(({ message }) => message).join('; ');
  return error.message || code || error.name;
}
