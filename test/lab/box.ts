/** A whole terminal but for its sockets and its sound: rules and plans, calls, the user agent. Media only count. */
import { CodedError, CountingRandom, silentLogger } from '../../src/base/index.ts';
import { type CallOutput, Calls } from '../../src/call/index.ts';
import type { MediaEngine, MediaEvent, MediaStream } from '../../src/media/types.ts';
import type { UaConfig, UserAgent } from '../../src/sip/ua/index.ts';
import {
  Terminal,
  type TerminalAction,
  type TerminalConfig,
  type TerminalEvent,
  type TerminalInput,
} from '../../src/terminal/index.ts';
import { Peer } from '../sip/ua/peer.ts';

/** RTP ports there are. */
const PORTS = 12;

export class Box extends Peer {
  readonly terminal: Terminal;
  readonly told: TerminalEvent[] = [];
  /** Calls that were answered, with what was allowed. */
  readonly answered: { call: string; direction: string; from: string }[] = [];
  /** Streams that are open. */
  readonly streams = new Set<string>();
  /** Streams whose microphone is open. */
  readonly microphones = new Set<string>();
  readonly #sources = new Map<string, string>();
  readonly #calls: Calls;
  readonly #inbox: TerminalInput[] = [];
  #busy = false;

  constructor(config: UaConfig, terminal: TerminalConfig) {
    super(config);
    const { ua } = this;
    let count = 0;
    const open = (host: string): MediaStream => {
      if (this.streams.size >= PORTS) throw new CodedError('media-ports', 'no RTP port is free');
      const id = `stream${++count}`;
      this.streams.add(id);
      return {
        id,
        local: { host, port: 40_000 + 2 * count },
        configure: () => {},
        audible: (_speaker, microphone) => {
          if (microphone && this.streams.has(id)) this.microphones.add(id);
          else this.microphones.delete(id);
        },
        say: () => {},
        sendDigits: () => {},
        close: () => {
          this.streams.delete(id);
          this.microphones.delete(id);
        },
      };
    };
    const media = { prepare: () => {}, open } as Partial<MediaEngine> as MediaEngine;
    const secretBytes = (n: number): Uint8Array => new Uint8Array(n);
    const settings = { codecs: ['pcma'], packetMs: 20, encryption: { second: 'offered' }, secretBytes } as const;
    this.#calls = new Calls(ua, media, settings, new CountingRandom(), silentLogger);
    this.terminal = new Terminal(terminal, new CountingRandom());
    // What is done to the user agent is done to the calls above it.
    const calls = this.#calls;
    const whole = this.terminal;
    const above = {
      get deadline(): number | undefined {
        const all = [calls.deadline, whole.deadline].filter((at) => at !== undefined);
        return all.length === 0 ? undefined : Math.min(...all);
      },
      get counts() {
        return ua.counts;
      },
      get idle() {
        return calls.idle;
      },
      start: (now: number) => calls.start(now),
      stop: (now: number) => {
        this.tell({ type: 'stop' });
        return calls.stop(now);
      },
      receive: calls.receive.bind(calls),
      resolved: calls.resolved.bind(calls),
      transportFailed: calls.transportFailed.bind(calls),
      refused: calls.refused.bind(calls),
      transportChanged: calls.transportChanged.bind(calls),
      timeout: (now: number) => {
        this.#act(whole.timeout(now));
        return calls.timeout(now);
      },
    };
    Object.assign(this, { ua: above as unknown as UserAgent });
  }

  override do(outputs: readonly (CallOutput | Parameters<Peer['do']>[0][number])[]): this {
    for (const output of outputs) {
      if (output.kind === 'terminal') this.#inbox.push(output.input);
      else super.do([output]);
    }
    this.#drain();
    return this;
  }

  tell(input: TerminalInput): this {
    this.#inbox.push(input);
    this.#drain();
    return this;
  }

  noticed(event: MediaEvent): this {
    return this.do(this.#calls.noticed(event, this.now));
  }

  #drain(): void {
    if (this.#busy) return;
    this.#busy = true;
    for (let input = this.#inbox.shift(); input !== undefined; input = this.#inbox.shift()) {
      if (input.type === 'incoming') this.#sources.set(input.call, input.caller.sourceAddress);
      this.#act(this.terminal.receive(input, this.now));
    }
    this.#busy = false;
  }

  #act(actions: readonly TerminalAction[]): void {
    const busy = this.#busy;
    this.#busy = true;
    for (const action of actions) this.do(this.#one(action));
    this.#busy = busy;
    if (!busy) this.#drain();
  }

  #one(action: TerminalAction): CallOutput[] {
    const calls = this.#calls;
    const { now } = this;
    switch (action.type) {
      case 'dial':
        return calls.dial(action.call, action.uri, now, action.transfer);
      case 'follow':
        return calls.follow(action.call, action.transfer, action.to, now);
      case 'stay':
        return calls.stay(action.transfer, now);
      case 'refer':
        return calls.refer(action.call, action.to, now);
      case 'answer':
        this.answered.push({ ...action, from: this.#sources.get(action.call) ?? '' });
        return calls.answer(action.call, action.direction, now);
      case 'alert':
        return calls.alert(action.call, now);
      case 'reject':
        return calls.reject(action.call, action.code, now);
      case 'hangup':
        return calls.hangup(action.call, action.cause, now);
      case 'hold':
        return calls.hold(action.call, action.held, now);
      case 'listen':
        calls.listen(action.call, action.microphone, action.speaker);
        return [];
      case 'digits':
        return calls.digits(action.call, action.digits, now);
      case 'message':
        return calls.takeMessage(action.message, action.taken, now);
      case 'event':
        this.told.push(action.event);
        return [];
      default:
        return [];
    }
  }
}
