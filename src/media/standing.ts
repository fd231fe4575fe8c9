/**
 * What a media thread has been told and still holds: another one that takes its place is told the same, and who waits for
 * what went down with the first one hears of its end.
 */
import type { ToWorker } from './protocol.ts';
import type { Keyed } from './shield.ts';
import type { MediaEvent } from './types.ts';

export class Standing {
  /** In the order of their first telling: a stream is opened before it is configured. */
  readonly #said = new Map<string, ToWorker>();
  /** By what is waited for: what is told when it never comes. */
  readonly #awaited = new Map<string, MediaEvent>();

  /** Every message to the thread. */
  note(message: ToWorker): void {
    const { kind } = message;
    switch (kind) {
      case 'open':
      case 'configure':
      case 'audible':
        this.#said.set(`${kind} ${message.stream}`, message);
        return;
      case 'close':
        for (const of of ['configure', 'audible']) this.#said.delete(`${of} ${message.stream}`);
        this.#said.set(`close ${message.stream}`, message);
        return;
      case 'record':
        this.#said.set(message.recording, message);
        return;
      case 'stop-recording':
        this.#said.delete(message.recording);
        return;
      case 'volume':
      case 'ceiling':
        this.#said.set(kind, message);
        return;
      case 'tone':
        // The others end by themselves, and soon.
        if (message.on && (message.tone === 'ringback' || message.tone === 'busy'))
          this.#said.set(message.tone, message);
        else this.#said.delete(message.tone);
        return;
      case 'play':
        this.#awaited.set(message.sound, { type: 'played', sound: message.sound });
        return;
      case 'measure': {
        const { measure } = message;
        this.#awaited.set(measure, {
          type: 'measured',
          measure,
          measured: { reason: 'the sound card hangs', cut: false },
        });
        return;
      }
      case 'pages-listen':
        this.#said.set(`group ${message.group.name}`, message);
        return;
      case 'page-send': {
        const { page, said } = message;
        if ('stream' in said) this.#said.set(page, message);
        else this.#awaited.set(page, { type: 'page-sent', page, reason: 'a sound driver hangs' });
        return;
      }
      case 'page-stop':
        if (this.#said.has(message.page)) this.#said.set(`stop ${message.page}`, message);
    }
  }

  /** What the thread says. */
  heard(event: MediaEvent): void {
    switch (event.type) {
      case 'played':
        this.#awaited.delete(event.sound);
        return;
      case 'measured':
        this.#awaited.delete(event.measure);
        return;
      case 'page-begun': {
        const { page } = event;
        const statistics = { packetsReceived: 0, packetsLate: 0, lostMs: 0, delayMs: 0, clock: 'arrival' } as const;
        this.#awaited.set(page, { type: 'page-over', page, reason: 'silence', statistics });
        return;
      }
      case 'page-over':
      case 'page-sent':
        this.#awaited.delete(event.page);
        for (const of of ['', 'stop ']) this.#said.delete(`${of}${event.page}`);
        return;
      case 'statistics':
        if (event.final) for (const of of ['open', 'close']) this.#said.delete(`${of} ${event.stream}`);
    }
  }

  /** Under which keys the thread that takes the place goes on. */
  keyed(stream: string, keyed: Keyed): void {
    const open = this.#said.get(`open ${stream}`);
    if (open?.kind === 'open') this.#said.set(`open ${stream}`, { ...open, before: keyed });
  }

  /** A recording has come to its end. */
  recorded(recording: string): void {
    this.#said.delete(recording);
  }

  /** Nobody would miss the sound now. */
  get idle(): boolean {
    if (this.#awaited.size > 0) return false;
    for (const { kind } of this.#said.values())
      if (kind !== 'volume' && kind !== 'ceiling' && kind !== 'pages-listen') return false;
    return true;
  }

  /** To the new thread. What the old one, which may not know yet, still writes into its numbers disturbs nobody. */
  again(): ToWorker[] {
    for (const [key, message] of this.#said)
      if (message.kind === 'open') this.#said.set(key, { ...message, numbers: message.numbers.slice(0) });
    return [...this.#said.values()];
  }

  /** Of the old one. */
  takeLost(): MediaEvent[] {
    const lost = [...this.#awaited.values()];
    this.#awaited.clear();
    return lost;
  }
}
