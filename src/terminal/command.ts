/** Commands as they come from outside, by socket, broker or web page: a verb and some arguments nobody has looked at yet. */
import type { Command } from './types.ts';

/** Of each text in a command. */
const TEXT_MAX = 1024;

type Arguments = Readonly<Record<string, unknown>>;

/** The command, or what is wrong with it. */
export function parseCommand(verb: string, args: Arguments): Command | string {
  switch (verb) {
    case 'press': {
      if (args.forMs !== undefined && !isWhole(args.forMs, 0, 600_000))
        return '"forMs" must be 0 to 600000 (milliseconds)';
      const forMs = args.forMs as number | undefined;
      return withText(args, 'button', (button) => ({ verb, button, ...(forMs !== undefined && { forMs }) }));
    }
    case 'call':
      return withText(args, 'plan', (plan) => ({ verb, plan }));
    case 'dial':
      return withText(args, 'target', (target) => ({ verb, target }));
    case 'transfer':
      return withText(args, 'target', (target) => ({ verb, target }));
    case 'digits':
      return withText(args, 'digits', (digits) =>
        /^[0-9*#A-D]{1,64}$/i.test(digits)
          ? { verb, digits: digits.toUpperCase() }
          : '"digits" may have 0-9, A-D, * and #',
      );
    case 'play':
      return withText(args, 'file', (file) => ({ verb, file }));
    case 'page':
      return withText(args, 'zone', (zone) => withText(args, 'file', (file) => ({ verb, zone, file })));
    case 'say':
      return withText(args, 'text', (text) => ({ verb, text }));
    case 'selftest':
      if (args.baseline !== undefined && typeof args.baseline !== 'boolean') return '"baseline" must be true or false';
      return { verb, baseline: args.baseline === true };
    case 'hangup':
    case 'hold':
    case 'resume':
    case 'reload':
      return { verb };
    case 'volume':
      return isWhole(args.volume, 0, 100) ? { verb, volume: args.volume } : '"volume" must be 0 to 100';
    case 'output': {
      const { on } = args;
      if (on !== true && on !== false && on !== null)
        return '"on" must be true, false, or null for the lamp\'s own rule';
      return withText(args, 'output', (output) => ({ verb, output, on }));
    }
    default:
      return `there is no command "${verb}"`;
  }
}

function withText(args: Arguments, name: string, make: (text: string) => Command | string): Command | string {
  const text = args[name];
  if (typeof text !== 'string' || text === '') return `"${name}" is missing`;
  return text.length <= TEXT_MAX ? make(text) : `"${name}" is longer than ${TEXT_MAX} characters`;
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
