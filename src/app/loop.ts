/**
 * The only loop: an input comes from the world, one machine takes it, its outputs are applied in order, and what they say to the
 * terminal waits its turn. It owns the one alarm for all machines.
 */
import { earliest, unreachable } from '../base/index.ts';
import type { CallOutput, Calls } from '../call/index.ts';
import type { SipMessage } from '../sip/message/index.ts';
import type { Resolver, SipTransport } from '../sip/transport/index.ts';
import type { Terminal, TerminalAction, TerminalEvent, TerminalInput } from '../terminal/index.ts';
import type { Actions } from './actions.ts';
import { now } from './now.ts';

/** Node takes a longer one for none at all; a caller may write any number into his Expires. */
const longestWaitMs = 2 ** 31 - 1;

/** What the loop turns, and who hears of it. */
export interface Turned {
  readonly calls: Calls;
  readonly terminal: Terminal;
  readonly actions: Actions;
  readonly transport: SipTransport;
  readonly resolver: Resolver;
  readonly write: (event: TerminalEvent) => TerminalEvent;
  /** The terminal has been told something: its status may be another one. */
  readonly changed: () => void;
}

export class Loop {
  #taken = 0;
  readonly #turned: Turned;
  /** What waits to be told to the terminal; `time`: its deadline has come. */
  readonly #inbox: (TerminalInput | 'time')[] = [];
  #busy = false;
  /** Sent already; their call is about to say that they are to be. */
  readonly #ahead = new Set<SipMessage>();
  #alarm?: NodeJS.Timeout;

  constructor(turned: Turned) {
    this.#turned = turned;
  }

  /** Takes one input from the world: `step` gives it to a machine. */
  take(step: () => CallOutput[]): void {
    this.#taken++;
    this.#perform(step());
    this.#drain();
  }

  /** Tells the terminal something; the events it made of it, and of all that was waiting, come back. */
  tell(input: TerminalInput | 'time'): TerminalEvent[] {
    this.#inbox.push(input);
    return this.#drain();
  }

  /** How many inputs the world has given since this was asked last. */
  taken(): number {
    const taken = this.#taken;
    this.#taken = 0;
    return taken;
  }

  /** Nothing more is taken. */
  stop(): void {
    clearTimeout(this.#alarm);
    this.#busy = true;
  }

  #drain(): TerminalEvent[] {
    const { terminal, actions: doer, write, changed } = this.#turned;
    const events: TerminalEvent[] = [];
    if (this.#busy) return events; // the outer call goes on with the inbox
    this.#busy = true;
    const told = this.#inbox.length > 0;
    for (let input = this.#inbox.shift(); input; input = this.#inbox.shift()) {
      const actions = input === 'time' ? terminal.timeout(now()) : terminal.receive(input, now());
      this.#sendAhead(actions);
      // Done first, then told: the journal and the log take longer than to send an INVITE. Told even when doing it fails.
      try {
        for (const action of actions) if (action.type !== 'event') this.#perform(doer.take(action, now()));
      } finally {
        for (const action of actions) if (action.type === 'event') events.push(write(action.event));
      }
    }
    this.#busy = false;
    if (told) changed();
    this.#arm();
    return events;
  }

  /** An INVITE that lies ready goes before all else that a press makes us do. */
  #sendAhead(actions: readonly TerminalAction[]): void {
    const { calls, transport } = this.#turned;
    for (const action of actions) {
      if (action.type !== 'dial' || action.transfer !== undefined) continue;
      const ready = calls.ready.claim(action.uri);
      if (ready === undefined) continue;
      transport.send(ready.message, ready.hop, ready.transaction, ready.bytes);
      this.#ahead.add(ready.message);
    }
  }

  #perform(outputs: readonly CallOutput[]): void {
    const { transport, resolver, calls } = this.#turned;
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          if (!this.#ahead.delete(output.message)) transport.send(output.message, output.hop, output.transaction);
          break;
        case 'resolve': {
          const { query, uri } = output;
          const hops = resolver.resolve(uri);
          if (Array.isArray(hops)) this.#perform(calls.resolved(query, hops, now()));
          else
            void hops
              // The resolver has said why.
              .catch(() => [])
              .then((found) => this.take(() => calls.resolved(query, found, now())));
          break;
        }
        case 'registration': {
          const { account, state, reason } = output;
          if (state === 'registering') break;
          this.#inbox.push({ type: 'registered', account, registered: state === 'registered', reason });
          break;
        }
        case 'terminal':
          this.#inbox.push(output.input);
          break;
        default:
          unreachable(output);
      }
    }
  }

  /** The earliest of all deadlines. */
  #arm(): void {
    const { calls, terminal, actions } = this.#turned;
    clearTimeout(this.#alarm);
    const at = earliest([calls.deadline, terminal.deadline, actions.deadline]);
    if (at === undefined) return;
    const wait = Math.min(Math.max(0, at - now()), longestWaitMs);
    this.#alarm = setTimeout(() => this.#ring(), wait);
  }

  #ring(): void {
    const { calls, terminal, actions } = this.#turned;
    const at = now();
    actions.timeout(at);
    if ((terminal.deadline ?? Number.POSITIVE_INFINITY) <= at) this.tell('time');
    this.take(() => calls.timeout(now()));
  }
}
