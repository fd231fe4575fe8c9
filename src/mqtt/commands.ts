/** A message on `…/command/<verb>` becomes a command, or the reason why not. */
import { type Command, parseCommand } from '../terminal/index.ts';

/** What may be asked over MQTT. A press may not: it is for those who stand at the terminal. */
const VERBS: readonly string[] = [
  ...['call', 'dial', 'hangup', 'hold', 'resume', 'transfer', 'digits'],
  ...['page', 'play', 'say', 'output', 'volume', 'selftest', 'reload'],
];
const MAX_PAYLOAD_BYTES = 8192;

export interface Asked {
  /** Chosen by whoever asks and put into the answer, for those without correlation data. */
  id?: string | number;
  /** The command, or what is wrong with it. */
  command: Command | string;
}

/** `payload`: a JSON object with the arguments, or nothing. */
export function readCommand(verb: string, payload: Uint8Array, retained: boolean): Asked {
  // It would be obeyed again at each connection, hours and days later.
  if (retained) return { command: 'a retained command is not obeyed' };
  if (payload.length > MAX_PAYLOAD_BYTES) return { command: `the message is longer than ${MAX_PAYLOAD_BYTES} bytes` };
  const text = Buffer.from(payload).toString('utf8').trim();
  let args: unknown = {};
  if (text !== '') {
    try {
      args = JSON.parse(text);
    } catch (error) {
      return { command: `the message is not JSON: ${(error as Error).message}` };
    }
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    return { command: 'the message is no JSON object' };
  const { id, ...rest } = args as Record<string, unknown>;
  const named = typeof id === 'string' || typeof id === 'number' ? { id } : {};
  if (!VERBS.includes(verb))
    return { ...named, command: `there is no command "${verb}"; there are ${VERBS.join(', ')}` };
  return { ...named, command: parseCommand(verb, rest) };
}
