/** A terminal in virtual time, and its actions in short words, so that a story reads as one. */

import {
  type Caller,
  type CallPlan,
  type EndCause,
  type Incoming,
  type IncomingRule,
  Terminal,
  type TerminalAction,
  type TerminalConfig,
  type TerminalInput,
} from '../../src/terminal/index.ts';
import { CountingRandom } from '../kit/random.ts';

export const plan = (more: Partial<CallPlan> = {}): CallPlan => ({
  steps: [{ ring: ['sip:100@pbx'], forMs: 20_000 }],
  cycles: 1,
  priority: 10,
  limitMs: 600_000,
  warningMs: 10_000,
  prolong: '#',
  interrupted: 'hold',
  ...more,
});

export const rule = (more: Partial<IncomingRule> = {}): IncomingRule => ({
  from: 'sip:*@pbx',
  answer: 'auto',
  as: 'page',
  priority: 5,
  delayMs: 0,
  limitMs: 1_800_000,
  interrupted: 'hold',
  chime: false,
  ...more,
});

export const config = (more: Partial<TerminalConfig> = {}): TerminalConfig => ({
  id: 'help-07',
  name: 'Platform 2',
  calls: { control: plan() },
  buttons: { help: { press: { call: 'control' } } },
  incoming: [rule()],
  outputs: {},
  ...more,
});

export const caller = (uri: string, more: Partial<Caller> = {}): Caller => ({
  uri,
  displayName: '',
  sourceAddress: '10.0.0.2',
  account: 'pbx',
  ...more,
});

export const incoming = (call: string, from: string, more: Partial<Incoming> = {}): Incoming => ({
  type: 'incoming',
  call,
  caller: caller(from),
  to: 'sip:help-07@terminal',
  ...more,
});

/** What an action does, in a few words. An event starts with `*`. */
export function words(action: TerminalAction): string {
  switch (action.type) {
    case 'dial':
      return `dial ${action.call} ${action.uri}`;
    case 'answer':
      return `answer ${action.call} ${action.direction}`;
    case 'alert':
    case 'silence':
      return 'call' in action ? `${action.type} ${action.call}` : action.type;
    case 'reject':
      return `reject ${action.call} ${action.code}`;
    case 'hangup':
      return `hangup ${action.call} ${action.cause}`;
    case 'follow':
    case 'refer':
      return `${action.type} ${action.call} to ${action.to}`;
    case 'stay':
      return 'stay';
    case 'hold':
      return `${action.held ? 'hold' : 'resume'} ${action.call}`;
    case 'listen':
      return `${action.speaker === false ? 'mute' : 'listen'} ${action.call}${action.microphone ? ' with microphone' : ''}${action.zone === undefined ? '' : ` into ${action.zone}`}`;
    case 'duck':
      return `${action.ducked ? 'duck' : 'raise'} ${action.call}`;
    case 'zone':
      return `page ${action.page} into ${action.zone}: ${action.prompt}`;
    case 'digits':
      return `digits ${action.call} ${action.digits}`;
    case 'record':
    case 'word-over':
      return `${action.type} ${action.call}`;
    case 'leave-word':
      return `leave word ${action.call} ${action.forMs} ms after ${action.prompt}`;
    case 'tone':
      return `${action.tone} ${action.on ? 'on' : 'off'}`;
    case 'announce':
      return `announce ${action.call} ${action.prompt}`;
    case 'prompt':
      return `prompt ${action.prompt}`;
    case 'message':
      return `message ${action.message} ${action.taken ? 'taken' : 'refused'}`;
    case 'speak':
      return `speak ${action.text}`;
    case 'reload':
      return 'reload';
    case 'selftest':
      return `selftest${action.baseline ? ' baseline' : ''} by ${action.by}`;
    case 'volume':
      return `volume ${action.volume}`;
    case 'output':
      return `${action.output} ${action.on ? `on${action.blinkMs ? ` blinking ${action.blinkMs}` : ''}` : 'off'}`;
    case 'event':
      return `*${eventWords(action.event)}`;
  }
}

function eventWords(event: Extract<TerminalAction, { type: 'event' }>['event']): string {
  switch (event.type) {
    case 'call':
    case 'page':
      return `${event.type} ${event.state} ${event.peer}${event.cause ? ` ${event.cause}` : ''}`;
    case 'press':
      return `press ${event.button} ${event.result}`;
    case 'release':
      return `release ${event.button} ${event.heldMs}`;
    case 'fault':
      return `fault ${event.fault} ${event.state}`;
    case 'registration':
      return `${event.account} ${event.registered ? 'registered' : 'not registered'}`;
    case 'command':
      return `${event.verb} ${event.ok ? 'done' : `refused: ${event.reason}`}`;
    case 'output':
      return `output ${event.output} ${event.on ? 'on' : 'off'}`;
    default:
      return event.type;
  }
}

export class Story {
  readonly terminal: Terminal;
  now = 0;
  #fresh: TerminalAction[] = [];

  constructor(more: Partial<TerminalConfig> = {}) {
    this.terminal = new Terminal(config(more), new CountingRandom());
  }

  tell(...inputs: TerminalInput[]): this {
    for (const input of inputs) this.#keep(this.terminal.receive(input, this.now));
    return this;
  }

  /** Lets time pass, ringing each alarm when it is due and no other. */
  wait(ms: number): this {
    const until = this.now + ms;
    for (let due = this.terminal.deadline; due !== undefined && due <= until; due = this.terminal.deadline) {
      this.now = Math.max(this.now, due);
      this.#keep(this.terminal.timeout(this.now));
    }
    this.now = until;
    return this;
  }

  press(button = 'help'): this {
    return this.tell({ type: 'edge', button, active: true, source: 'button' }).release(button);
  }

  release(button = 'help'): this {
    return this.tell({ type: 'edge', button, active: false, source: 'button' });
  }

  answered(call: string): this {
    return this.tell({ type: 'answered', call });
  }

  ended(call: string, cause: EndCause, by: 'us' | 'peer' | 'network' = 'peer'): this {
    return this.tell({ type: 'ended', call, cause, by, reason: 'as told' });
  }

  /** What happened since the last look, without events. */
  get did(): string[] {
    return this.all.filter((line) => !line.startsWith('*'));
  }

  /** What was reported since the last look, releases aside. */
  get events(): string[] {
    const lines = this.all.filter((line) => line.startsWith('*') && !line.startsWith('*release'));
    return lines.map((line) => line.slice(1));
  }

  get all(): string[] {
    return this.take().map(words);
  }

  take(): TerminalAction[] {
    const actions = this.#fresh;
    this.#fresh = [];
    return actions;
  }

  /** Forgets what has happened so far. */
  skip(): this {
    this.#fresh = [];
    return this;
  }

  #keep(actions: readonly TerminalAction[]): void {
    this.#fresh.push(...actions);
  }
}
