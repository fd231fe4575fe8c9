/**
 * The web page's server. It speaks to the machine it runs on and to nobody else: there is no password here, so whoever is not
 * local is turned away, and a page of another site cannot give commands (its Host or content type is wrong).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CodedError, type Logger } from '../base/index.ts';
import type { WebConfig } from '../config/index.ts';
import type { Journal } from '../journal/index.ts';
import { type Command, parseCommand } from '../terminal/index.ts';
import { page } from './page.ts';

class WebError extends CodedError {}

export interface Web {
  stop(): Promise<void>;
}

export interface WebAnswer {
  ok: boolean;
  reason?: string;
}

/** What the page shows and does: the service, in the words of the page. */
export interface WebHandlers {
  command(command: Command, source: 'web'): WebAnswer | Promise<WebAnswer>;
  status(): object;
}

const maxBodyBytes = 16 * 1024;
const maxStreams = 16;
/** What waits for a page that does not read, before it is cut off. */
const maxBacklogBytes = 1024 * 1024;
/** Events a page gets when it opens. */
const recentEvents = 20;
const securityHeaders = {
  'Content-Security-Policy': "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
};

/** Listens; rejects with `WebError` when it cannot. */
export async function createWeb(config: WebConfig, handlers: WebHandlers, journal: Journal, log: Logger): Promise<Web> {
  const streams = new Set<ServerResponse>();
  const server: Server = createServer((request, response) => {
    if (!isLocal(request))
      return reply(response, 403, { ok: false, reason: 'this page is for the machine it runs on' });
    const path = request.url?.split('?')[0];
    if (request.method === 'GET' && path === '/') return html(response);
    if (request.method === 'GET' && path === '/status') return reply(response, 200, handlers.status());
    if (request.method === 'GET' && path === '/stream') return stream(response);
    if (request.method === 'POST' && path === '/command') return command(request, response);
    return reply(response, 404, { ok: false, reason: 'there is no such page' });
  });

  function stream(response: ServerResponse): void {
    if (streams.size >= maxStreams) return reply(response, 503, { ok: false, reason: 'too many pages are open' });
    response.writeHead(200, { ...securityHeaders, 'Content-Type': 'text/event-stream' });
    const send = (name: string, data: object): void => {
      if (response.writableLength > maxBacklogBytes) response.destroy();
      else response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    for (const event of journal.read({ last: recentEvents })) send('event', event);
    send('status', handlers.status());
    let later: NodeJS.Immediate | undefined;
    const leave = journal.follow((event) => {
      send('event', event);
      // One status for all the events of one input, when the last of them has taken effect.
      later ??= setImmediate(() => {
        later = undefined;
        send('status', handlers.status());
      });
    });
    streams.add(response);
    response.on('close', () => {
      leave();
      if (later) clearImmediate(later);
      streams.delete(response);
    });
  }

  function command(request: IncomingMessage, response: ServerResponse): void {
    // A form of another site can send neither this type nor this origin.
    if (request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json')
      return reply(response, 415, { ok: false, reason: 'a command is application/json' });
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      if (text.length <= maxBodyBytes) text += chunk;
    });
    request.on('end', async () => {
      if (text.length > maxBodyBytes)
        return reply(response, 413, { ok: false, reason: `a command has at most ${maxBodyBytes} bytes` });
      const asked = readCommand(text);
      if (typeof asked === 'string') return reply(response, 400, { ok: false, reason: asked });
      const answer = await handlers.command(asked, 'web');
      reply(response, answer.ok ? 200 : 409, answer);
    });
  }

  await new Promise<void>((resolve, reject) => {
    const { host, port } = config.listen;
    server.once('error', (cause) =>
      reject(new WebError('web-listen', `Cannot open the web page on ${host}:${port}: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  server.on('error', (error) => log.error('The web page failed', { reason: error.message }));
  return {
    stop: () =>
      new Promise((resolve) => {
        for (const response of streams) response.end();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** From this machine, and addressed to it: the second stops a name of another site that was pointed at 127.0.0.1. */
function isLocal(request: IncomingMessage): boolean {
  const from = request.socket.remoteAddress ?? '';
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const origin = request.headers.origin;
  return (
    /^(::ffff:)?127\.|^::1$/.test(from) &&
    /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(host) &&
    (origin === undefined || origin === `http://${request.headers.host}`)
  );
}

function readCommand(text: string): Command | string {
  try {
    const { command, ...args } = JSON.parse(text) as Record<string, unknown>;
    return typeof command === 'string' ? parseCommand(command, args) : 'no command';
  } catch {
    return 'not JSON';
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { ...securityHeaders, 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

function html(response: ServerResponse): void {
  response.writeHead(200, { ...securityHeaders, 'Content-Type': 'text/html; charset=utf-8' });
  response.end(page);
}
