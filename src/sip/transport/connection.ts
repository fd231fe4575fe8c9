/** One connection, TCP or TLS, whoever opened it: frames in, messages out, and which requests still wait for an answer on it. */
import type { Socket } from 'node:net';
import type { HostPort, Transport } from '../message/index.ts';
import { systemReason } from './errors.ts';
import { type Frame, StreamFramer } from './framing.ts';

/** RFC 4475 §3.1.2.2: a message that is not completed in this time ends the connection. */
const PARTIAL_MESSAGE_MS = 10_000;
/**
 * Requests wait and nothing at all has come for so long: the other side has lost its power or its network. The system would
 * go on repeating for a quarter of an hour, and a server that is back would be spoken to over a connection it knows nothing of.
 */
export const SILENT_MS = 8_000;
/** A stranger who connects and says nothing whole for so long has nothing to say. */
export const FIRST_MESSAGE_MS = 10_000;
/** A connection nobody used for so long is closed. */
const IDLE_MS = 30 * 60_000;
/** Octets waiting for a peer that does not read. */
const UNSENT_MAX_BYTES = 1 << 20;
/** Requests remembered per connection, to report them when it breaks. */
const WAITING_MAX = 512;

/** RFC 5626 §4.4.1: from one ping to the next, when the server names no other time. Each takes its own 80 % to all of it. */
const PING_MS = 120_000;
/** RFC 5626 §4.4.1: a pong that has not come by then never will. */
export const PONG_MS = 10_000;
const PING = new Uint8Array([13, 10, 13, 10]);

export type StreamTransport = Exclude<Transport, 'udp'>;

export interface ConnectionEvents {
  onFrame(connection: Connection, frame: Frame): void;
  /** Once, whatever the cause. `waiting`: the transactions that had no answer yet. */
  onClose(connection: Connection, reason: string, waiting: string[]): void;
}

export interface ConnectionOptions {
  id: string;
  transport: StreamTransport;
  remote: HostPort;
  /** We opened it. */
  ours: boolean;
  /** Opened by somebody whom no account and no rule names. */
  stranger?: boolean;
  /** TLS: whom we wanted there (RFC 5922 §7). */
  domains?: readonly string[];
}

/** How a connection begins. */
export interface Opening {
  /** What the socket says when it is there. */
  event: 'connect' | 'secureConnect' | 'secure';
  withinMs: number;
  /** Why the other side is none of `domains`. Nothing is said to it before this was asked. */
  objection?(domains: readonly string[]): string | undefined;
  /** TLS: who the other side has shown to be; asked once it is there. */
  identities?(): readonly string[];
}

export class Connection {
  readonly id: string;
  readonly transport: StreamTransport;
  readonly remote: HostPort;
  readonly ours: boolean;
  readonly stranger: boolean;
  readonly domains: readonly string[] | undefined;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #framer = new StreamFramer();
  /** Branch to transaction of requests without any response so far. */
  readonly #waiting = new Map<string, string>();
  /** Held back until the other side has shown who it is. */
  #unsaid: Uint8Array[] | undefined;
  #objection: Opening['objection'];
  /** TLS: who the other side has shown to be. */
  identities: readonly string[] | undefined;
  #partialAlarm?: NodeJS.Timeout;
  #pingAlarm?: NodeJS.Timeout;
  /** A ping has no pong so far. */
  #pongAlarm?: NodeJS.Timeout;
  #owesPong = false;
  /** It has said so: then nothing but the pong will do (RFC 5626 §4.4.1). */
  #promised = false;
  #silentAlarm?: NodeJS.Timeout;
  #firstAlarm?: NodeJS.Timeout;
  #reason = 'closed by the other side';
  open = true;

  constructor(options: ConnectionOptions, socket: Socket, events: ConnectionEvents, opening?: Opening) {
    this.id = options.id;
    this.transport = options.transport;
    this.remote = options.remote;
    this.ours = options.ours;
    this.stranger = options.stranger ?? false;
    this.domains = options.domains;
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.setTimeout(IDLE_MS, () => this.close('idle'));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => {
      this.#reason = systemReason(error);
    });
    // The other side says no more: what is queued still goes out, nothing new is put on.
    socket.on('end', () => {
      this.open = false;
    });
    socket.on('close', () => {
      clearTimeout(this.#partialAlarm);
      clearTimeout(this.#silentAlarm);
      clearInterval(this.#pingAlarm);
      clearTimeout(this.#pongAlarm);
      clearTimeout(this.#firstAlarm);
      this.open = false;
      this.#events.onClose(this, this.#reason, [...this.#waiting.values()]);
    });
    if (opening !== undefined) this.#opens(opening);
    if (this.stranger) this.#firstAlarm = setTimeout(() => this.close('no message'), FIRST_MESSAGE_MS);
  }

  #opens({ event, withinMs, objection, identities }: Opening): void {
    this.#objection = objection;
    if (objection !== undefined) this.#unsaid = [];
    const alarm = setTimeout(() => this.close(`no connection within ${withinMs} ms`), withinMs);
    this.#socket.once('close', () => clearTimeout(alarm));
    this.#socket.once(event, () => {
      clearTimeout(alarm);
      const reason = objection?.(this.domains ?? []);
      if (reason !== undefined) return this.close(reason);
      this.identities = identities?.();
      const unsaid = this.#unsaid ?? [];
      this.#unsaid = undefined;
      for (const bytes of unsaid) this.#socket.write(bytes);
    });
  }

  /** TLS: whether one of `domains` is at the other end, as far as is known; never so of a connection others opened. */
  isFor(domains: readonly string[]): boolean {
    if (this.domains?.join() === domains.join()) return true;
    return this.#objection !== undefined && this.#unsaid === undefined && this.#objection(domains) === undefined;
  }

  get localHost(): string | undefined {
    return this.#socket.localAddress;
  }

  /**
   * RFC 5626 §3.5.1, §4.4.1: pings from now on; a registration hangs on this connection. `everyMs`: what the server asks for
   * (Flow-Timer). `owed`: it has said that it answers them; otherwise only one that has done so before must.
   */
  keepAlive(everyMs: number | undefined, owed: boolean): void {
    this.#owesPong ||= owed;
    this.#promised ||= owed;
    clearInterval(this.#pingAlarm);
    this.#pingAlarm = setInterval(() => this.#ping(), (everyMs ?? PING_MS) * (0.8 + 0.2 * Math.random()));
  }

  #ping(): void {
    if (!this.open || this.#unsaid !== undefined || this.#pongAlarm !== undefined) return;
    this.#socket.write(PING);
    this.#pongAlarm = setTimeout(() => {
      this.#pongAlarm = undefined;
      if (this.#owesPong) this.close(`no pong within ${PONG_MS / 1000} s`);
    }, PONG_MS);
  }

  #alive(): void {
    clearTimeout(this.#pongAlarm);
    this.#pongAlarm = undefined;
  }

  /**
   * Whatever comes shows that the other side lives, unless it has promised pongs. A CRLF of its own between messages is the
   * pong, and no half of a ping.
   */
  #ponged(chunk: Buffer): Buffer {
    if (this.#pongAlarm === undefined) return chunk;
    if (!this.#promised) this.#alive();
    const blanks = /^(?:\r\n){0,3}/.exec(chunk.toString('latin1', 0, 6))![0].length;
    if (!this.#framer.empty || blanks % 4 === 0) return chunk;
    this.#owesPong = true;
    this.#alive();
    return chunk.subarray(2);
  }

  #receive(chunk: Buffer): void {
    clearTimeout(this.#silentAlarm);
    this.#silentAlarm = undefined;
    const { lone } = this.#framer;
    const frames = this.#framer.put(this.#ponged(chunk));
    // A pong may come in one piece with what stands before or behind it.
    if (this.#pongAlarm !== undefined) this.#framer.skipLone();
    if (this.#framer.lone > lone) this.#alive();
    for (const frame of frames) {
      if (!this.open) return;
      if (frame.kind === 'message') clearTimeout(this.#firstAlarm);
      this.#events.onFrame(this, frame);
    }
    if (!this.#framer.partial) {
      clearTimeout(this.#partialAlarm);
      this.#partialAlarm = undefined;
    } else if (this.#partialAlarm === undefined) {
      this.#partialAlarm = setTimeout(() => this.close('an unfinished message'), PARTIAL_MESSAGE_MS);
    }
  }

  /** `branch` and `transaction`: of a request, until `answered`. */
  send(bytes: Uint8Array, branch?: string, transaction?: string): void {
    if (branch !== undefined && transaction !== undefined) {
      this.#waiting.set(branch, transaction);
      if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
      this.#silentAlarm ??= setTimeout(() => this.close(`nothing came for ${SILENT_MS / 1000} s`), SILENT_MS);
    }
    if (this.#unsaid === undefined) this.#socket.write(bytes);
    else this.#unsaid.push(bytes);
    if (this.#unsent > UNSENT_MAX_BYTES) this.close('the other side does not read');
  }

  get #unsent(): number {
    const unsaid = this.#unsaid ?? [];
    return unsaid.reduce((octets, { length }) => octets + length, this.#socket.writableLength);
  }

  answered(branch: string): void {
    this.#waiting.delete(branch);
  }

  /** Sends what is queued, then closes; the other side has `lingerMs` to take it. */
  end(reason: string, lingerMs: number): void {
    this.#reason = reason;
    this.open = false;
    this.#socket.setTimeout(lingerMs, () => this.#socket.destroy());
    this.#socket.end();
  }

  close(reason: string): void {
    this.#reason = reason;
    this.open = false;
    this.#socket.destroy();
  }
}
