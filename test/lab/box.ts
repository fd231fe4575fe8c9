/** A whole terminal but for its sockets and its sound: rules and plans, calls, the user agent. Media only count. */
import { Actions } from '../../src/app/actions.ts';
import { Pages } from '../../src/app/pages.ts';
import type { Recorder } from '../../src/app/recorder.ts';
import type { Sounds } from '../../src/app/sounds.ts';
import type { SoundTest } from '../../src/app/soundtest.ts';
import type { LeaveWord } from '../../src/app/word.ts';
import { CodedError, earliest } from '../../src/base/index.ts';
import type { CallOutput, Calls } from '../../src/call/index.ts';
import type { MediaEngine, MediaEvent, MediaStream } from '../../src/media/types.ts';
import type { UaConfig, UserAgent } from '../../src/sip/ua/index.ts';
import {
  Terminal,
  type TerminalAction,
  type TerminalConfig,
  type TerminalEvent,
  type TerminalInput,
} from '../../src/terminal/index.ts';
import { makeCalls } from '../call/made.ts';
import { CountingRandom } from '../kit/random.ts';
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
  readonly #actions: Actions;
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
        begin: () => {},
        configure: () => {},
        audible: (_speaker, microphone) => {
          if (microphone && this.streams.has(id)) this.microphones.add(id);
          else this.microphones.delete(id);
        },
        say: () => {},
        sendDigits: () => {},
        record: () => {},
        close: () => {
          this.streams.delete(id);
          this.microphones.delete(id);
        },
      };
    };
    const mute = { prepare: () => {}, tone: () => {}, volume: () => {} };
    const media = { ...mute, open } as Partial<MediaEngine> as MediaEngine;
    const sounds = { play: () => {}, take: () => {}, speak: () => {}, stop: () => {} } as unknown as Sounds;
    this.#calls = makeCalls(ua, media, { second: 'offered' });
    this.terminal = new Terminal(terminal, new CountingRandom());
    const tell = (input: TerminalInput): void => void this.tell(input);
    const pages = new Pages({ config: { groups: [], zones: {} }, media, sounds, calls: this.#calls, tell });
    this.#actions = new Actions({
      calls: this.#calls,
      media,
      sounds,
      pages,
      recorder: {} as Recorder,
      word: {} as LeaveWord,
      soundTest: { timeout: () => {} } as unknown as SoundTest,
      setOutput: () => {},
      tell,
      reload: () => {},
    });
    // What is done to the user agent is done to the calls above it.
    const calls = this.#calls;
    const whole = this.terminal;
    const above = {
      get deadline(): number | undefined {
        return earliest([calls.deadline, whole.deadline]);
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

  /** By the program's own wiring. */
  #one(action: TerminalAction): readonly CallOutput[] {
    if (action.type === 'event') {
      this.told.push(action.event);
      return [];
    }
    if (action.type === 'answer') this.answered.push({ ...action, from: this.#sources.get(action.call) ?? '' });
    return this.#actions.take(action, this.now);
  }
}
