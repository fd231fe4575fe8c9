/** Keeps the connection to the broker, and says on it what there is to say. See `index.ts`. */
import type { Logger } from '../base/index.ts';
import type { MqttConfig } from '../config/index.ts';
import type { Cursor, Journal } from '../journal/index.ts';
import { readCommand } from './commands.ts';
import { discoveryMessage } from './discovery.ts';
import { type Incoming, MqttError, type ProtocolVersion, Session } from './session.ts';
import type { CommandAnswer, MqttHandlers, MqttIdentity } from './types.ts';

const RETRY_FROM_MS = 1000;
const RETRY_TO_MS = 10_000;
/** A connection that lasted this long was a good one: the next attempt comes soon. */
const GOOD_CONNECTION_MS = 5000;
/**
 * Connections that last less are brief. After two in a row, as when two terminals of one id take it from each other, the fault
 * stays until one lasts: it would come and go, and fill journal and log, for ever.
 */
const STEADY_MS = 30_000;
/** After the broker refused an event. */
const REFUSED_RETRY_MS = 10_000;
/** Changes within this time go into one `…/status`. */
const STATUS_MS = 100;
/** The parts of a clean stop, 2 s in all. */
const LAST_EVENTS_MS = 1000;
const OFFLINE_MS = 500;
const GOODBYE_MS = 500;

/** Connects, and stays connected for ever. */
export class Mqtt {
  readonly #config: MqttConfig;
  readonly #identity: MqttIdentity;
  readonly #handlers: MqttHandlers;
  readonly #logger: Logger;
  readonly #cursor: Cursor;
  readonly #unfollow: () => void;
  #session: Session | undefined;
  #version: ProtocolVersion = 5;
  #connected = false;
  #connectedAtMs = 0;
  #retryMs = RETRY_FROM_MS;
  /** Brief connections in a row. */
  #brief = 0;
  #steady: NodeJS.Timeout | undefined;
  /** The next attempt, or the next try to deliver a refused event. */
  #retry: NodeJS.Timeout | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  /** What `…/status` says on this connection. */
  #status: string | undefined;
  /** Events are being delivered; settles when there are none left, or no broker. */
  #delivery: Promise<void> | undefined;
  /** What is wrong: with the connection, or with what the broker takes. */
  readonly #faults = new Map<'connection' | 'events' | 'commands' | 'status', string>();
  #stopping = false;

  constructor(config: MqttConfig, identity: MqttIdentity, journal: Journal, handlers: MqttHandlers, logger: Logger) {
    this.#config = config;
    this.#identity = identity;
    this.#handlers = handlers;
    this.#logger = logger;
    this.#cursor = journal.cursor('mqtt');
    this.#unfollow = journal.follow(() => this.#deliver());
    this.#connect();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** The status may have changed: published soon, if it really has. Cheap. */
  statusChanged(): void {
    if (!this.#connected || this.#statusTimer !== undefined) return;
    this.#statusTimer = setTimeout(() => {
      this.#statusTimer = undefined;
      this.#publishStatus();
    }, STATUS_MS);
  }

  /** Says `offline` and leaves; within 2 s whatever the broker does. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#unfollow();
    clearTimeout(this.#retry);
    clearTimeout(this.#steady);
    clearTimeout(this.#statusTimer);
    const session = this.#session;
    if (session !== undefined && this.#connected) {
      this.#publishStatus();
      this.#deliver();
      await within(LAST_EVENTS_MS, this.#delivery);
      await within(OFFLINE_MS, session.publish(this.#topic('availability'), 'offline', { retain: true }));
      this.#connected = false;
      await session.goodbye(GOODBYE_MS);
    } else session?.drop();
    this.#connected = false;
    this.#session = undefined;
  }

  // ---------------------------------------------------------------- the connection

  #connect(): void {
    const clientId = `hailpoint-${this.#identity.id}`;
    try {
      const session = new Session(this.#config, this.#version, clientId, this.#topic('availability'), {
        connected: () => this.#greet(session),
        message: (message) => void this.#obey(session, message),
        over: (reason, tooNew) => (tooNew ? this.#stepBack() : this.#lost(reason)),
      });
      this.#session = session;
    } catch (error) {
      // Certificates that cannot be used, for one.
      queueMicrotask(() => this.#lost(`${this.#config.url}: ${(error as Error).message}`));
    }
  }

  #greet(session: Session): void {
    this.#connected = true;
    this.#connectedAtMs = performance.now();
    this.#logger[this.#unsteady ? 'debug' : 'info']('mqtt: connected', { url: this.#config.url });
    this.#try('status', session.publish(this.#topic('availability'), 'online', { retain: true }));
    if (this.#config.discovery !== undefined) {
      const { topic, payload } = discoveryMessage(this.#config.discovery, this.#config.base, this.#identity);
      this.#try('status', session.publish(topic, JSON.stringify(payload), { retain: true }));
    }
    this.#try('commands', session.subscribe(this.#topic('command/+')));
    if (!this.#unsteady) this.#mended('connection');
    this.#steady = setTimeout(() => {
      this.#brief = 0;
      this.#mended('connection');
    }, STEADY_MS).unref();
    this.#status = undefined;
    this.#publishStatus();
    this.#deliver();
  }

  /** An older broker: asked again at once, in its own version. */
  #stepBack(): void {
    this.#logger.info('mqtt: the broker does not speak MQTT 5, going on with 3.1.1', { url: this.#config.url });
    this.#version = 4;
    if (!this.#stopping) this.#connect();
  }

  get #unsteady(): boolean {
    return this.#brief >= 2;
  }

  #lost(reason: string): void {
    clearTimeout(this.#steady);
    const lastedMs = this.#connected ? performance.now() - this.#connectedAtMs : 0;
    if (this.#connected && lastedMs < STEADY_MS) this.#brief++;
    if (lastedMs > GOOD_CONNECTION_MS && !this.#unsteady) this.#retryMs = RETRY_FROM_MS;
    this.#connected = false;
    this.#session = undefined;
    clearTimeout(this.#statusTimer);
    this.#statusTimer = undefined;
    if (this.#stopping) return;
    // Many terminals that lost the same broker do not come back in the same instant.
    const waitMs = this.#retryMs * (0.8 + 0.2 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_TO_MS);
    // A broker that is away for a month is one line, and another one when the reason is another one.
    const level = this.#faults.get('connection') === reason ? 'debug' : 'warn';
    this.#logger[level]('mqtt: no connection', { reason, retryMs: Math.round(waitMs) });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), waitMs);
    this.#failed('connection', reason);
  }

  // ---------------------------------------------------------------- what is said

  /** One event at a time, in order; the place moves when the broker has it. */
  #deliver(): void {
    const session = this.#session;
    if (this.#delivery !== undefined || !this.#connected || session === undefined) return;
    const deliver = async (): Promise<void> => {
      for (let event = this.#cursor.next(); event !== undefined; event = this.#cursor.next()) {
        await session.publish(this.#topic('event'), JSON.stringify(event));
        this.#cursor.acknowledge(event.id);
        this.#mended('events');
      }
    };
    this.#delivery = deliver().then(
      () => {
        this.#delivery = undefined;
        // Something may have come between the last look and now.
        if (this.#cursor.next() !== undefined) this.#deliver();
      },
      (error: unknown) => {
        this.#delivery = undefined;
        const refused = error instanceof MqttError && error.refused;
        if (refused && this.#connected && !this.#stopping) {
          clearTimeout(this.#retry);
          this.#retry = setTimeout(() => this.#deliver(), REFUSED_RETRY_MS);
          this.#failed('events', error.message);
        } else if (this.#connected && session !== this.#session) this.#deliver();
      },
    );
  }

  /** Not when it says what was said last. */
  #publishStatus(): void {
    const status = JSON.stringify(this.#handlers.status());
    if (this.#session === undefined || status === this.#status) return;
    this.#status = status;
    this.#try('status', this.#session.publish(this.#topic('status'), status, { retain: true }));
  }

  // ---------------------------------------------------------------- what is asked

  async #obey(session: Session, message: Incoming): Promise<void> {
    const prefix = this.#topic('command/');
    if (!message.topic.startsWith(prefix)) return;
    const verb = message.topic.slice(prefix.length);
    const { id, command } = readCommand(verb, message.payload, message.retained);
    // What the handler throws is a mistake of ours, and ends the process: half of a command may have been done.
    const answer: CommandAnswer =
      typeof command === 'string' ? { ok: false, reason: command } : await this.#handlers.command(command);
    this.#logger.info('mqtt: command', { verb, ...answer });
    const reply = JSON.stringify({ ...(id !== undefined && { id }), verb, ...answer, time: new Date().toISOString() });
    const { responseTopic, correlationData } = message;
    // An answer that is a command would go round in a circle.
    const wanted =
      responseTopic !== undefined &&
      responseTopic !== '' &&
      !/[+#]/.test(responseTopic) &&
      !responseTopic.startsWith(prefix);
    session.publish(wanted ? responseTopic : this.#topic('reply'), reply, { correlationData }).catch((error: Error) => {
      this.#logger.warn('mqtt: no reply', { verb, reason: error.message });
    });
  }

  // ---------------------------------------------------------------- faults

  #try(what: 'commands' | 'status', done: Promise<void>): void {
    done.then(
      () => this.#mended(what),
      (error: MqttError) => {
        // A lost connection has its own fault.
        if (error.refused) this.#failed(what, error.message);
      },
    );
  }

  #failed(what: 'connection' | 'events' | 'commands' | 'status', reason: string): void {
    const before = this.#faults.size;
    if (what !== 'connection' && this.#faults.get(what) !== reason) this.#logger.warn('mqtt: refused', { reason });
    this.#faults.set(what, reason);
    if (before === 0 && !this.#stopping) this.#handlers.fault(true, reason);
  }

  #mended(what: 'connection' | 'events' | 'commands' | 'status'): void {
    if (!this.#faults.delete(what) || this.#faults.size > 0 || this.#stopping) return;
    this.#handlers.fault(false, `connected to ${this.#config.url}`);
  }

  #topic(name: string): string {
    return `${this.#config.base}/${name}`;
  }
}

/** Waits for `what`, come good or bad, but no longer than `limitMs`. */
async function within(limitMs: number, what: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([what?.catch(() => {}), limit]);
  clearTimeout(timer);
}
