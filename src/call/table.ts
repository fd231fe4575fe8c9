/** The calls there are, by the name the terminal has for each and by that of its session. */
import type { Random } from '../base/index.ts';
import type { MediaEngine } from '../media/types.ts';
import { Call, type CallsConfig } from './call.ts';

export class Table {
  readonly #media: MediaEngine;
  readonly #config: CallsConfig;
  readonly #random: Random;
  readonly #calls = new Map<string, Call>();

  constructor(media: MediaEngine, config: CallsConfig, random: Random) {
    this.#media = media;
    this.#config = config;
    this.#random = random;
  }

  get size(): number {
    return this.#calls.size;
  }

  get(id: string): Call | undefined {
    return this.#calls.get(id);
  }

  bySession(session: string): Call | undefined {
    const call = this.#calls.get(session);
    return call?.session === session ? call : this.#find((one) => one.session === session);
  }

  byStream(stream: string): Call | undefined {
    return this.#find((one) => one.stream?.id === stream);
  }

  /** By the terminal's name for it, or for the plan that it is a part of. */
  answered(id: string): Call | undefined {
    return this.#find((one) => one.answered && (one.id === id || one.id.startsWith(`${id}.`)));
  }

  #find(wanted: (call: Call) => boolean): Call | undefined {
    return [...this.#calls.values()].find(wanted);
  }

  /** A call that is not in the table. */
  make(id: string, direction: 'outgoing' | 'incoming', session: string = id): Call {
    return new Call(id, direction, this.#media, this.#config, this.#random.uint32(), session);
  }

  /** In the place of whatever has its id. */
  put(call: Call): Call {
    this.#calls.set(call.id, call);
    return call;
  }

  /** Without a word to the other side. */
  close(call: Call): void {
    call.close();
    this.#calls.delete(call.id);
  }

  /** Nothing sounds any more; the calls themselves are the user agent's to end. */
  mute(): void {
    for (const call of this.#calls.values()) call.close();
  }
}
