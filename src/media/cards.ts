/**
 * The main thread's part of the ALSA cards: opens and closes them for the media thread, sets their mixer controls, and looks
 * whether one was plugged in or pulled out. A driver that hangs holds up neither thread.
 */
import { type FSWatcher, watch } from 'node:fs';
import type { Logger } from '../base/index.ts';
import {
  closePcm,
  type Half,
  isPlugged,
  mixerOf,
  type OpenPcm,
  openPcm,
  resolveDevice,
  restoreControls,
  setControls,
} from '../io/soundcard/index.ts';
import { ControlsKept } from './controls-kept.ts';
import type { ToWorker } from './protocol.ts';
import type { AlsaSoundConfig } from './types.ts';

const DEVICES = '/dev/snd';
/** A card that is plugged in makes several devices, and udev gives the rights to them a little later. */
const SETTLE_MS = 250;

type Controls = Readonly<Record<string, string>>;

export interface CardsOptions {
  sound: AlsaSoundConfig;
  logger: Logger;
  /** Where it is kept what the controls were. */
  mixerFile?: string;
  /** To the media thread; false when it is not there any more. */
  answer(message: ToWorker): boolean;
  /** A device was opened. */
  onOpened(): void;
  /** Empty: the controls are as they should be. */
  onControls(reason: string): void;
}

export class Cards {
  readonly #options: CardsOptions;
  /** By half and device, with the attempt that is waited for. */
  readonly #opening = new Map<string, { attempt: number; done: Promise<void> }>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #kept: ControlsKept;
  #setting: Promise<void> | undefined;
  #watcher: FSWatcher | undefined;
  #settling: NodeJS.Timeout | undefined;

  constructor(options: CardsOptions) {
    this.#options = options;
    this.#kept = new ControlsKept(options.mixerFile, options.logger);
    try {
      this.#watcher = watch(DEVICES, { persistent: false }, (what) => what === 'rename' && this.#changed());
      this.#watcher.on('error', () => {});
      // The loudspeaker is tried at the start anyway.
      if (!isPlugged(options.sound.microphone)) this.#changed();
    } catch {
      // No card of hardware, not even the place for one: what is lost is looked for now and then all the same.
    }
  }

  open(half: Half, device: string, attempt: number): void {
    const key = `${half} ${device}`;
    const opening = this.#opening.get(key);
    // The driver still hangs over the last one: what comes of that is the answer to this.
    if (opening !== undefined) opening.attempt = attempt;
    else {
      const begun = { attempt, done: Promise.resolve() };
      this.#opening.set(key, begun);
      begun.done = this.#open(half, device, key);
    }
  }

  async #open(half: Half, device: string, key: string): Promise<void> {
    // The same device cannot be opened while its last user still has it.
    await this.#closing.get(key);
    const { answer, onOpened, sound } = this.#options;
    const attempt = (): number => {
      const current = this.#opening.get(key)?.attempt ?? 0;
      this.#opening.delete(key);
      return current;
    };
    try {
      const pcm = await openPcm(half, device, sound.periodMs);
      onOpened();
      if (!answer({ kind: 'pcm-opened', half, attempt: attempt(), device, pcm })) return this.close(half, device, pcm);
      this.#setting ??= this.#setControls(device).finally(() => {
        this.#setting = undefined;
      });
    } catch (error) {
      answer({ kind: 'pcm-failed', half, attempt: attempt(), reason: (error as Error).message });
    }
  }

  close(half: Half, device: string, { pcm }: OpenPcm): void {
    const key = `${half} ${device}`;
    const closing = closePcm(pcm)
      .catch((error: Error) => this.#options.logger.warn('cannot close a sound device', { half, error: error.message }))
      .then(() => {
        if (this.#closing.get(key) === closing) this.#closing.delete(key);
      });
    this.#closing.set(key, closing);
  }

  /** Resolves when the drivers have let go and the controls are as they were found, which may be never. */
  async stop(): Promise<void> {
    clearTimeout(this.#settling);
    this.#watcher?.close();
    // An opening that comes to its end now is followed by a closing.
    await Promise.all([...this.#opening.values()].map(({ done }) => done));
    await this.#setting;
    const { before } = this.#kept;
    // A card that is not there now may be there when the next one ends.
    const restoring = [...before].map(([card, controls]) =>
      restoreControls(card, controls).then(
        () => before.delete(card),
        () => {},
      ),
    );
    await Promise.all([...restoring, ...this.#closing.values()]);
    this.#kept.keep();
  }

  #changed(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#look(), SETTLE_MS);
    this.#settling.unref();
  }

  #look(): void {
    const { answer, sound } = this.#options;
    answer({ kind: 'cards-changed', speaker: isPlugged(sound.speaker), microphone: isPlugged(sound.microphone) });
  }

  /** Those of the pair of cards that `device` belongs to. */
  async #setControls(device: string): Promise<void> {
    const { sound, onControls } = this.#options;
    const { fallback } = sound;
    const isFallback = device === fallback?.speaker || device === fallback?.microphone;
    const { controls = {}, speaker, microphone } = isFallback && fallback ? fallback : sound;
    if (Object.keys(controls).length === 0) return;
    const reasons = await this.#setOn(controls, [speaker, microphone]);
    onControls(reasons.join('; '));
  }

  /** Each control on the first of the cards that has it. */
  async #setOn(controls: Controls, devices: (string | undefined)[]): Promise<string[]> {
    const problems: string[] = [];
    const there: string[] = [];
    let rest = controls;
    for (const card of mixersOf(devices)) {
      try {
        const before = this.#kept.before.get(card) ?? new Map();
        this.#kept.before.set(card, before);
        const done = await setControls(card, rest, before);
        rest = Object.fromEntries(Object.entries(rest).filter(([name]) => !done.found.includes(name)));
        problems.push(...done.problems.map((problem) => `Cannot set ${problem}`));
        there.push(...done.names);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    this.#kept.keep();
    const unknown = Object.keys(rest).map((name) => `"${name}"`);
    if (unknown.length > 0)
      problems.push(`No mixer control ${unknown.join(', ')}: there are ${there.join(', ') || 'none'}`);
    return problems;
  }
}

function mixersOf(devices: (string | undefined)[]): Set<string> {
  const found = new Set<string>();
  for (const device of devices) {
    try {
      if (device !== undefined) found.add(mixerOf(resolveDevice(device)));
    } catch {
      // Not plugged in: that is told where it is opened.
    }
  }
  return found;
}
