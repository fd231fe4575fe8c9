/** What the control socket understands: the terminal's commands, and looking. */
import type { ControlReply, ControlRequest } from '../control/index.ts';
import type { Journal } from '../journal/index.ts';
import type { CommandAnswer } from '../mqtt/index.ts';
import { type Command, parseCommand } from '../terminal/index.ts';
import type { Ring } from '../trace/index.ts';
import type { CommandSource } from './commands.ts';

/** Events shown when nobody says how many. */
const recentEvents = 100;

interface Operated {
  status(): unknown;
  command(command: Command, source: CommandSource): CommandAnswer | Promise<CommandAnswer>;
}

export function controlHandler(service: Operated, journal: Journal, trace: Ring) {
  return ({ command, ...args }: ControlRequest): ControlReply | Promise<ControlReply> => {
    if (command === 'status') return { answer: { ok: true, status: service.status() } };
    if (command === 'events') {
      // A client that comes back names the last event it knows.
      const events =
        typeof args.after === 'string'
          ? journal.read({ after: args.after })
          : journal.read({ last: typeof args.last === 'number' ? args.last : recentEvents });
      return {
        answer: { ok: true, events },
        ...(args.follow === true && { follow: (listener) => journal.follow(listener) }),
      };
    }
    if (command === 'trace') {
      return {
        answer: { ok: true, messages: trace.read(Date.now()) },
        ...(args.follow === true && { follow: (listener) => trace.follow(listener) }),
      };
    }
    const asked = parseCommand(command, args);
    if (typeof asked === 'string') return { answer: { ok: false, error: asked } };
    const done = service.command(asked, 'socket');
    return done instanceof Promise ? done.then(inWords) : inWords(done);
  };
}

function inWords({ ok, reason: came }: { ok: boolean; reason?: string }): ControlReply {
  return { answer: ok ? { ok, ...(came && { reason: came }) } : { ok, error: came ?? 'refused' } };
}
