/** The commands, one function each. What they return is the exit code. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError, printable } from '../base/index.ts';
import { checkConfig, formatProblem } from '../config/index.ts';
import { ask, type ControlAnswer, type ControlRequest, NotRunningError, talk } from '../control/index.ts';
import { type JournalEvent, journalFolder, readEvents } from '../journal/index.ts';
import type { Options } from './options.ts';
import { defaultConfigFile, socketToReach, stateDirectory, stateToRead } from './paths.ts';
import { describeEvent, describeStatus } from './words.ts';

export class UsageError extends Error {}

type Command = (args: readonly string[], options: Options) => number | Promise<number>;
export type Commands = typeof commands;

/** An argument that must be there. */
function needed(args: readonly string[], index: number, what: string): string {
  const value = args[index];
  if (value === undefined) throw new UsageError(`${what} is missing`);
  return value;
}

function only(args: readonly string[], count: number): void {
  if (args.length > count) throw new UsageError(`"${args[count]}" is one argument too many`);
}

function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${what} must be a whole number, not "${text}"`);
  return Number(text);
}

/** Gives a command to the running service. */
async function tell(request: ControlRequest): Promise<number> {
  const answer = await ask(socketToReach(), request);
  if (answer.ok) return 0;
  console.error(`hailpoint ${request.command}: ${answer.error}`);
  return 1;
}

const run: Command = async (args, options) => {
  only(args, 0);
  const { runService } = await import('./run.ts');
  return runService(options.config ?? defaultConfigFile, stateDirectory(options.state));
};

const check: Command = async (args, options) => {
  only(args, 0);
  const file = options.config ?? defaultConfigFile;
  const { problems, warnings } = await checkConfig(file);
  for (const problem of problems) console.error(formatProblem(problem));
  for (const warning of warnings) console.error(`warning: ${formatProblem(warning)}`);
  if (problems.length > 0) return 1;
  console.log(`${file}: no problems`);
  return 0;
};

const explain: Command = async (args, { config = defaultConfigFile, incoming, source }) => {
  only(args, incoming === undefined ? 1 : 0);
  const { explainCall, explainPress } = await import('./explain.ts');
  const lines =
    incoming === undefined
      ? await explainPress(config, needed(args, 0, 'BUTTON'))
      : await explainCall(config, incoming, source);
  console.log(lines.join('\n'));
  return 0;
};

const doctor: Command = async (args, { config = defaultConfigFile, state, json }) => {
  only(args, 0);
  const { runDoctor } = await import('./doctor.ts');
  return runDoctor(config, state, json ?? false);
};

const demo: Command = async (args, options) => {
  only(args, 0);
  const { runDemo } = await import('../demo/index.ts');
  return runDemo({ once: options.once ?? false });
};

const status: Command = async (args, options) => {
  only(args, 0);
  const answer = await ask(socketToReach(), { command: 'status' });
  if (!answer.ok) {
    console.error(`hailpoint status: ${answer.error}`);
    return 1;
  }
  console.log(options.json ? JSON.stringify(answer.status, null, 2) : describeStatus(answer.status));
  return 0;
};

const events: Command = async (args, options) => {
  only(args, 0);
  const last = options.last === undefined ? undefined : wholeNumber(options.last, '-n');
  let newest: string | undefined;
  const show = (event: JournalEvent): void => {
    newest = event.id;
    console.log(options.json ? JSON.stringify(event) : describeEvent(event));
  };
  if (!options.follow) {
    const found = await recentEvents(options.state, last);
    found.forEach(show);
    return 0;
  }
  const path = socketToReach();
  await followEvents(path, last === undefined ? {} : { last }, show);
  // The service restarts: what happens meanwhile is in its journal, and is shown when it is back.
  for (let said = false; ; await pause(followRetryMs)) {
    if (!said) console.error(`hailpoint events: the service at ${path} has gone, waiting for it`);
    said = !(await followEvents(path, newest === undefined ? {} : { after: newest }, show).then(
      () => true,
      () => false,
    ));
  }
};

const trace: Command = async (args, options) => {
  only(args, 0);
  const { trace: show } = await import('./trace.ts');
  await show(socketToReach(), options);
  return 0;
};

/** How long `events -f` waits before it looks for the service again. */
const followRetryMs = 500;

/** From the service; when none runs, from what it left on disk. */
async function recentEvents(state: string | undefined, last: number | undefined): Promise<JournalEvent[]> {
  try {
    const answer = await ask(socketToReach(), { command: 'events', ...(last !== undefined && { last }) });
    if (answer.ok) return answer.events as JournalEvent[];
    throw new CodedError('refused', answer.error);
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    const journal = journalFolder(stateToRead(state));
    if (state === undefined && !existsSync(journal)) throw error;
    return readEvents(journal, last);
  }
}

/** Shows each event until the service goes; rejects when it does not answer. */
function followEvents(path: string, from: object, show: (event: JournalEvent) => void): Promise<void> {
  return new Promise((gone, fail) => {
    let answered = false;
    const leave = talk(
      path,
      { command: 'events', follow: true, ...from },
      (line) => {
        if (answered) return show(line as JournalEvent);
        const answer = line as ControlAnswer;
        if (answer.ok) {
          answered = true;
          return (answer.events as JournalEvent[]).forEach(show);
        }
        leave();
        fail(new CodedError('refused', answer.error));
      },
      (error) => (answered ? gone() : fail(error)),
    );
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const press: Command = (args, options) => {
  only(args, 1);
  const forMs = options.for === undefined ? undefined : wholeNumber(options.for, '--for');
  return tell({ command: 'press', button: needed(args, 0, 'BUTTON'), ...(forMs !== undefined && { forMs }) });
};

const output: Command = (args) => {
  only(args, 2);
  const state = needed(args, 1, 'on, off or auto');
  if (!['on', 'off', 'auto'].includes(state)) throw new UsageError(`"${state}" is none of on, off, auto`);
  return tell({ command: 'output', output: needed(args, 0, 'NAME'), on: state === 'auto' ? null : state === 'on' });
};

const page: Command = (args) => {
  only(args, 2);
  return tell({ command: 'page', zone: needed(args, 0, 'ZONE'), file: resolve(needed(args, 1, 'FILE')) });
};

/** What the terminal can find out about itself: a line for each part, and 1 when one has failed. */
const selftest: Command = async (args, { baseline = false }) => {
  only(args, 0);
  const sound = await ask(socketToReach(), { command: 'selftest', baseline }, selftestLimitMs);
  const answer = await ask(socketToReach(), { command: 'status' });
  const { registrations = {}, mqtt = null } = (answer.ok ? answer.status : {}) as Partial<Tested>;
  const parts: [string, boolean, string][] = [
    ['loudspeaker and microphone', sound.ok, sound.ok ? String(sound.reason) : sound.error],
    ...Object.entries(registrations).map(([account, { registered, reason }]): [string, boolean, string] => [
      `registration ${account}`,
      registered,
      reason,
    ]),
  ];
  if (mqtt !== null) parts.push(['broker', mqtt.connected, mqtt.connected ? 'connected' : 'not connected']);
  for (const [part, passed, reason] of parts)
    console.log(printable(`${passed ? 'passed' : 'FAILED'}  ${part}${reason ? `: ${reason}` : ''}`));
  return parts.every(([, passed]) => passed) ? 0 : 1;
};

/** Of `status`, what a self-test looks at. */
interface Tested {
  registrations: Record<string, { registered: boolean; reason: string }>;
  mqtt: { connected: boolean } | null;
}

/** Three tries, and a card that opens slowly. */
const selftestLimitMs = 70_000;

/** A command of one argument. */
function one(command: string, key: string, what: string, read: (text: string) => unknown = (text) => text): Command {
  return (args) => {
    only(args, 1);
    return tell({ command, [key]: read(needed(args, 0, what)) });
  };
}

/** A command of none. */
function none(command: string): Command {
  return (args) => {
    only(args, 0);
    return tell({ command });
  };
}

export const commands = {
  run,
  check,
  explain,
  doctor,
  demo,
  status,
  events,
  trace,
  press,
  dial: one('dial', 'target', 'TARGET'),
  call: one('call', 'plan', 'PLAN'),
  digits: one('digits', 'digits', 'DIGITS'),
  volume: one('volume', 'volume', 'N', (text) => wholeNumber(text, 'N')),
  page,
  play: one('play', 'file', 'FILE', (text) => resolve(text)),
  say: one('say', 'text', 'TEXT'),
  output,
  hangup: none('hangup'),
  hold: none('hold'),
  resume: none('resume'),
  selftest,
  transfer: one('transfer', 'target', 'TARGET'),
  reload: none('reload'),
} satisfies Record<string, Command>;

/** Which options a command takes; `--state` says which terminal is meant, and is taken by all. */
export const optionsOf: Partial<Record<keyof Commands, readonly (keyof Options)[]>> = {
  run: ['config'],
  check: ['config'],
  explain: ['config', 'incoming', 'source'],
  doctor: ['config', 'json'],
  demo: ['once'],
  status: ['json'],
  events: ['follow', 'json', 'last'],
  trace: ['follow', 'pcap'],
  press: ['for'],
  selftest: ['baseline'],
};
