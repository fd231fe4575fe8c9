/** The control socket's side of the service. Who may open the socket may give commands: the file's mode decides. */
import { chmodSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { CodedError, type Logger } from '../base/index.ts';
import { type ControlAnswer, type ControlRequest, LineReader, maxAnswerBytes, maxRequestBytes } from './protocol.ts';

/** Clients at once; for one more, the one that has been silent longest and follows nothing is cut off, or else it is turned away. */
const maxClients = 32;
/** What waits for a client that does not read, before it is cut off. */
const maxBacklogBytes = maxAnswerBytes;

class ControlError extends CodedError {}

/** Begins to hand later lines to a client; what it returns is called when the client has gone. */
export type Follow = (listener: (line: object) => void) => () => void;
export interface ControlReply {
  answer: ControlAnswer;
  follow?: Follow;
}
/** Answers a request; at once, unless something must be looked at first. */
export type ControlHandler = (request: ControlRequest) => ControlReply | Promise<ControlReply>;

export class ControlServer {
  readonly #path: string;
  readonly #handle: ControlHandler;
  readonly #log: Logger;
  readonly #server: Server;
  /** The one silent longest first. */
  readonly #clients = new Map<Socket, { follows: boolean }>();

  constructor(path: string, handle: ControlHandler, log: Logger) {
    this.#path = path;
    this.#handle = handle;
    this.#log = log;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Rejects when another service answers on the path; a socket that nobody answers on is left over and replaced. */
  async start(): Promise<void> {
    if (isSocket(this.#path)) {
      if (await answers(this.#path))
        throw new ControlError('control-busy', `Cannot open ${this.#path}: another hailpoint runs there`);
      rmSync(this.#path, { force: true });
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new ControlError('control-open', `Cannot open the control socket ${this.#path}: ${cause.message}`, { cause }),
        ),
      );
      this.#server.listen(this.#path, resolve);
    });
    chmodSync(this.#path, 0o660);
    this.#server.on('error', (error) => this.#log.error('The control socket failed', { reason: error.message }));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.keys()) client.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    if (this.#clients.size >= maxClients && !this.#makeRoom()) {
      socket.on('error', () => {});
      // What it has asked stays unread, and would keep it open for ever.
      return void socket.end(`${JSON.stringify({ ok: false, error: 'too many clients' })}\n`, () => socket.destroy());
    }
    const client = { follows: false };
    this.#clients.set(socket, client);
    const reader = new LineReader(maxRequestBytes);
    const leave: (() => void)[] = [];
    const send = (line: object): void => {
      if (socket.writableLength > maxBacklogBytes) socket.destroy();
      else socket.write(`${JSON.stringify(line)}\n`);
    };
    const reply = ({ answer, follow }: ControlReply): void => {
      if (socket.destroyed) return;
      send(answer);
      if (!follow) return;
      client.follows = true;
      leave.push(follow(send));
    };
    socket.on('data', (chunk) => {
      if (this.#clients.delete(socket)) this.#clients.set(socket, client);
      let lines: string[];
      try {
        lines = reader.put(chunk);
      } catch (error) {
        return void socket.end(`${JSON.stringify({ ok: false, error: (error as Error).message })}\n`);
      }
      // What the handler throws is a mistake of ours, and ends the process: nothing is caught here.
      for (const line of lines) {
        const answered = this.#answer(line);
        if (answered instanceof Promise) void answered.then(reply);
        else reply(answered);
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#clients.delete(socket);
      for (const end of leave) end();
    });
  }

  /** Programs that hang half way must not keep the operator out. */
  #makeRoom(): boolean {
    for (const [socket, { follows }] of this.#clients) {
      if (follows) continue;
      this.#clients.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #answer(line: string): ControlReply | Promise<ControlReply> {
    let request: unknown;
    try {
      request = JSON.parse(line);
    } catch {
      return { answer: { ok: false, error: 'not a line of JSON' } };
    }
    if (
      typeof request !== 'object' ||
      request === null ||
      !('command' in request) ||
      typeof request.command !== 'string'
    )
      return { answer: { ok: false, error: 'the line names no command' } };
    return this.#handle(request as ControlRequest);
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true) ?? socket.destroy());
    socket.once('error', () => resolve(false));
  });
}
