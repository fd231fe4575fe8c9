/** What the terminal wants done, each by the room that does it. */
import { basename } from 'node:path';
import { earliest, unreachable } from '../base/index.ts';
import type { CallOutput, Calls } from '../call/index.ts';
import { Blinker } from '../io/gpio/index.ts';
import type { MediaEngine } from '../media/types.ts';
import type { Prompt, TerminalAction, TerminalInput } from '../terminal/index.ts';
import type { Pages } from './pages.ts';
import type { Recorder } from './recorder.ts';
import type { Sounds } from './sounds.ts';
import type { SoundTest } from './soundtest.ts';
import type { LeaveWord } from './word.ts';

/** Events are told, not done. */
type Action = Exclude<TerminalAction, { type: 'event' }>;

export interface Rooms {
  readonly calls: Calls;
  readonly media: MediaEngine;
  readonly sounds: Sounds;
  readonly pages: Pages;
  readonly recorder: Recorder;
  readonly word: LeaveWord;
  readonly soundTest: SoundTest;
  readonly setOutput: (output: string, on: boolean) => void;
  readonly tell: (input: TerminalInput) => void;
  readonly reload: () => void;
}

export class Actions {
  readonly #rooms: Rooms;
  readonly #blinker = new Blinker();

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  /** When a lamp changes that blinks, or a test is due. */
  get deadline(): number | undefined {
    return earliest([this.#blinker.deadline, this.#rooms.soundTest.deadline]);
  }

  timeout(now: number): void {
    this.#switch(this.#blinker.timeout(now));
    this.#rooms.soundTest.timeout(now);
  }

  /** What is to be done on the wire comes back. */
  take(action: Action, now: number): readonly CallOutput[] {
    const { calls, pages } = this.#rooms;
    switch (action.type) {
      case 'dial':
        return calls.dial(action.call, action.uri, now, action.transfer);
      case 'follow':
        return calls.transfers.follow(action.call, action.transfer, action.to, now);
      case 'stay':
        return calls.transfers.stay(action.transfer, now);
      case 'refer':
        return calls.transfers.refer(action.call, action.to, now);
      case 'answer':
        return calls.answer(action.call, action.direction, now);
      case 'alert':
        return calls.alert(action.call, now);
      case 'reject':
        return calls.reject(action.call, action.code, now);
      case 'hangup':
        return pages.hangup(action.call) ? [] : calls.hangup(action.call, action.cause, now);
      case 'hold':
        return pages.hold(action.call, action.held) ? [] : calls.hold(action.call, action.held, now);
      case 'digits':
        return calls.digits(action.call, action.digits, now);
      case 'message':
        return calls.takeMessage(action.message, action.taken, now);
      default:
        this.#here(action, now);
        return [];
    }
  }

  /** What is done at this box. */
  #here(action: Exclude<Action, { type: WireAction }>, now: number): void {
    const { calls, media, pages, sounds, soundTest, recorder, word, tell, reload } = this.#rooms;
    switch (action.type) {
      case 'listen':
        if (!pages.listen(action.call, action.zone)) calls.listen(action.call, action.microphone, action.speaker);
        return;
      case 'duck':
        return pages.duck(action.call, action.ducked);
      case 'zone':
        return pages.send(action.page, action.zone, action.prompt);
      case 'record':
        return calls.record(action.call, recorder.begin(action.call.split('.')[0], 'call'));
      case 'leave-word':
        return word.begin(action.call, action.prompt, action.forMs);
      case 'word-over':
        return word.over(action.call);
      case 'tone':
        return media.tone(action.tone, action.on);
      case 'announce':
        return sounds.take(
          action.prompt,
          (samples, rateHz) => calls.say(action.call, samples, rateHz),
          (missing) => this.audible(action.prompt, missing),
        );
      case 'prompt':
        return sounds.play(action.prompt, (missing) => this.audible(action.prompt, missing));
      case 'speak':
        return sounds.play(sounds.spoken(action.text), (missing) => {
          const raised = missing !== undefined;
          tell({ type: 'fault', fault: 'speech', raised, reason: missing ?? 'it speaks' });
        });
      case 'silence':
        return sounds.stop();
      case 'selftest':
        return soundTest.start(action.by, action.baseline);
      case 'volume':
        return media.volume(action.volume);
      case 'output':
        return this.#switch(this.#blinker.set(action.output, action.on, action.blinkMs, now));
      case 'reload':
        return reload();
      default:
        return unreachable(action);
    }
  }

  #switch(levels: readonly { output: string; on: boolean }[]): void {
    for (const { output, on } of levels) this.#rooms.setOutput(output, on);
  }

  /** A prompt that nobody will hear is a fault until it is heard. */
  audible(prompt: Prompt, missing?: string): void {
    const raised = missing !== undefined;
    const [first] = typeof prompt === 'string' ? [prompt] : prompt;
    const name = typeof first === 'string' ? basename(first) : 'speech';
    this.#rooms.tell({ type: 'fault', fault: `prompt:${name}`, raised, reason: missing ?? 'it plays' });
  }
}

type WireAction =
  | 'dial'
  | 'follow'
  | 'stay'
  | 'refer'
  | 'answer'
  | 'alert'
  | 'reject'
  | 'hangup'
  | 'hold'
  | 'digits'
  | 'message';
