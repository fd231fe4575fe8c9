/**
 * Mixer controls of a card ("Speaker", "Mic", "Auto Gain Control"), as alsamixer shows them: set to what the profile says, and
 * back again. All of it by the pool, for a control of a USB card is a question to the card.
 */
import koffi from 'koffi';
import { alsaMessage, loadAlsa } from './alsa-library.ts';
import { inPool } from './alsa-pool.ts';
import { SoundError } from './types.ts';

/** What a control was before: per channel. */
interface Before {
  capture: boolean;
  volumes: number[];
  switches: number[];
  items: number[];
}

/** Of one card, by the name of the control. */
export type ControlsBefore = Map<string, Before>;

export interface ControlsSet {
  /** Everything this card has, for whoever wrote a name that it has not. */
  names: string[];
  /** Those of the controls asked for that it has. */
  found: string[];
  /** What could not be set, and why. */
  problems: string[];
}

type Wanted =
  | { kind: 'percent'; percent: number }
  | { kind: 'decibel'; hundredths: number }
  | { kind: 'switch'; on: boolean }
  | { kind: 'item'; item: string };

interface Element {
  pointer: bigint;
  capture: boolean;
}

const CHANNELS = [...Array(8).keys()];
const ITEM_BYTES = 64;

/** `80%` of its range, as amixer counts; `-12dB`; `on`, `off`; else the name of one of its items. */
export function parseControl(text: string): Wanted {
  const percent = /^(\d{1,3})\s*%$/.exec(text);
  if (percent !== null && Number(percent[1]) <= 100) return { kind: 'percent', percent: Number(percent[1]) };
  const decibel = /^([+-]?\d{1,3}(?:\.\d{1,2})?)\s*dB$/i.exec(text);
  if (decibel !== null) return { kind: 'decibel', hundredths: Math.round(100 * Number(decibel[1])) };
  if (/^(?:on|off)$/i.test(text)) return { kind: 'switch', on: text.toLowerCase() === 'on' };
  return { kind: 'item', item: text };
}

/**
 * Sets `controls` on `card` (`hw:1`). `before` is filled with what each was when it was first touched. A control with both
 * directions means the microphone's; " Playback" or " Capture" behind its name says it. Rejects with `SoundError` when the card
 * has no mixer.
 */
export async function setControls(
  card: string,
  controls: Readonly<Record<string, string>>,
  before: ControlsBefore,
): Promise<ControlsSet> {
  return await withMixer(card, async (elements) => {
    const done: ControlsSet = { names: [...elements.keys()], found: [], problems: [] };
    for (const [name, value] of Object.entries(controls)) {
      const element = find(elements, name);
      if (element === undefined) continue;
      done.found.push(name);
      if (!before.has(name)) before.set(name, read(element));
      const problem = await set(element, parseControl(value));
      if (problem !== undefined) done.problems.push(`${name}: ${value} on ${card}: ${problem}`);
    }
    return done;
  });
}

/** Puts back what `setControls` found. Rejects with `SoundError` when the card is gone. */
export async function restoreControls(card: string, before: ControlsBefore): Promise<void> {
  await withMixer(card, async (elements) => {
    const { set } = mixer();
    for (const [name, { capture, volumes, switches, items }] of before) {
      const pointer = find(elements, name)?.pointer;
      if (pointer === undefined) continue;
      for (const [channel, volume] of volumes.entries()) await inPool(set(capture).volume, pointer, channel, volume);
      for (const [channel, on] of switches.entries()) await inPool(set(capture).switch, pointer, channel, on);
      for (const [channel, item] of items.entries()) await inPool(mixer().setItem, pointer, channel, item);
    }
  });
}

async function withMixer<T>(card: string, work: (elements: Map<string, bigint>) => Promise<T>): Promise<T> {
  const { open, attach, register, load, close, first, next, name, index } = mixer();
  const out: [bigint | null] = [null];
  const must = (result: number): void => {
    const alsa = loadAlsa();
    if (result < 0)
      throw new SoundError('sound-mixer', `Cannot open the mixer of ${card}: ${alsaMessage(alsa, result)}`);
  };
  must(open(out, 0));
  const handle = out[0] as bigint;
  try {
    must(await inPool(attach, handle, card));
    must(register(handle, null, null));
    must(await inPool(load, handle));
    const elements = new Map<string, bigint>();
    for (let element = first(handle); element !== null; element = next(element)) {
      const number = index(element);
      elements.set(number === 0 ? name(element) : `${name(element)},${number}`, element);
    }
    return await work(elements);
  } finally {
    await inPool(close, handle);
  }
}

function find(elements: Map<string, bigint>, wanted: string): Element | undefined {
  const { has } = mixer();
  const hasCapture = (element: bigint): boolean => has(true).volume(element) !== 0 || has(true).switch(element) !== 0;
  const exact = elements.get(wanted);
  if (exact !== undefined) return { pointer: exact, capture: hasCapture(exact) };
  const [, name = '', direction] = /^(.+) (Playback|Capture)$/.exec(wanted) ?? [];
  const pointer = elements.get(name);
  if (pointer === undefined || (direction === 'Capture' && !hasCapture(pointer))) return undefined;
  return { pointer, capture: direction === 'Capture' };
}

/** The reason when it cannot be. */
async function set({ pointer, capture }: Element, wanted: Wanted): Promise<string | undefined> {
  const has = mixer().has(capture);
  const all = mixer().setAll(capture);
  const told = (result: number): string | undefined => (result < 0 ? alsaMessage(loadAlsa(), result) : undefined);
  if (mixer().isEnumerated(pointer) !== 0) {
    const item = wanted.kind === 'item' ? wanted.item : wanted.kind === 'switch' ? (wanted.on ? 'on' : 'off') : '';
    const items = itemsOf(pointer);
    const index = items.findIndex((one) => one.toLowerCase() === item.toLowerCase());
    if (index < 0) return `it is one of ${items.join(', ')}`;
    // A channel that it does not have is refused, and that is no harm.
    const results: number[] = [];
    for (const channel of CHANNELS) results.push(await inPool(mixer().setItem, pointer, channel, index));
    return told(results[0]);
  }
  switch (wanted.kind) {
    case 'item':
      return 'expected a percentage, dB, on or off';
    case 'switch':
      return has.switch(pointer) === 0
        ? 'it has no switch'
        : told(await inPool(all.switch, pointer, wanted.on ? 1 : 0));
    case 'percent':
    case 'decibel': {
      if (has.volume(pointer) === 0) return 'it has no volume';
      const result =
        wanted.kind === 'decibel'
          ? await inPool(all.decibel, pointer, wanted.hundredths, 0)
          : await inPool(all.volume, pointer, share(pointer, capture, wanted.percent));
      // A volume that is muted is none.
      if (result >= 0 && has.switch(pointer) !== 0) return told(await inPool(all.switch, pointer, 1));
      return told(result);
    }
  }
}

function share(pointer: bigint, capture: boolean, percent: number): number {
  const [least, most] = [new Int32Array(2), new Int32Array(2)];
  mixer().get(capture).range(pointer, least, most);
  return least[0] + Math.round(((most[0] - least[0]) * percent) / 100);
}

function itemsOf(pointer: bigint): string[] {
  const count = Math.max(0, mixer().itemCount(pointer));
  const bytes = Buffer.alloc(ITEM_BYTES);
  return Array.from({ length: count }, (_, index) => {
    mixer().itemName(pointer, index, ITEM_BYTES, bytes);
    return bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0)));
  });
}

function read({ pointer, capture }: Element): Before {
  const { isEnumerated, get, has } = mixer();
  const of = (present: boolean, getter: (element: bigint, channel: number, into: Int32Array) => number): number[] => {
    const values: number[] = [];
    for (const channel of CHANNELS) {
      const into = new Int32Array(2);
      if (!present || getter(pointer, channel, into) < 0) break;
      values.push(into[0]);
    }
    return values;
  };
  const enumerated = isEnumerated(pointer) !== 0;
  return {
    capture,
    volumes: of(!enumerated && has(capture).volume(pointer) !== 0, get(capture).volume),
    switches: of(!enumerated && has(capture).switch(pointer) !== 0, get(capture).switch),
    items: of(enumerated, mixer().getItem),
  };
}

let bound: ReturnType<typeof bind> | undefined;

function mixer(): ReturnType<typeof bind> {
  bound ??= bind();
  return bound;
}

/** Values are `long *` or `int *`: the low half of either is the first Int32 of an array of two. */
function bind() {
  loadAlsa(); // says what is missing when it is
  const lib = koffi.load('libasound.so.2');
  const both = <T>(make: (direction: string) => T) => {
    const [playback, capture] = [make('playback'), make('capture')];
    return (isCapture: boolean): T => (isCapture ? capture : playback);
  };
  const selem = (declaration: string) => lib.func(declaration.replace('@', 'snd_mixer_selem'));
  return {
    open: lib.func('int snd_mixer_open(_Out_ void **mixer, int mode)'),
    attach: lib.func('int snd_mixer_attach(void *mixer, const char *name)'),
    register: selem('int @_register(void *mixer, void *options, void *classes)'),
    load: lib.func('int snd_mixer_load(void *mixer)'),
    close: lib.func('int snd_mixer_close(void *mixer)'),
    first: lib.func('void *snd_mixer_first_elem(void *mixer)') as (handle: bigint) => bigint | null,
    next: lib.func('void *snd_mixer_elem_next(void *elem)') as (element: bigint) => bigint | null,
    name: selem('const char *@_get_name(void *elem)') as (element: bigint) => string,
    index: selem('unsigned int @_get_index(void *elem)') as (element: bigint) => number,
    isEnumerated: selem('int @_is_enumerated(void *elem)') as (element: bigint) => number,
    itemCount: selem('int @_get_enum_items(void *elem)') as (element: bigint) => number,
    itemName: selem('int @_get_enum_item_name(void *elem, unsigned int item, size_t max, void *name)'),
    getItem: selem('int @_get_enum_item(void *elem, int channel, void *item)'),
    setItem: selem('int @_set_enum_item(void *elem, int channel, unsigned int item)'),
    has: both((direction) => ({
      volume: selem(`int @_has_${direction}_volume(void *elem)`) as (element: bigint) => number,
      switch: selem(`int @_has_${direction}_switch(void *elem)`) as (element: bigint) => number,
    })),
    get: both((direction) => ({
      range: selem(`int @_get_${direction}_volume_range(void *elem, void *least, void *most)`),
      volume: selem(`int @_get_${direction}_volume(void *elem, int channel, void *value)`),
      switch: selem(`int @_get_${direction}_switch(void *elem, int channel, void *value)`),
    })),
    set: both((direction) => ({
      volume: selem(`int @_set_${direction}_volume(void *elem, int channel, long value)`),
      switch: selem(`int @_set_${direction}_switch(void *elem, int channel, int value)`),
    })),
    setAll: both((direction) => ({
      volume: selem(`int @_set_${direction}_volume_all(void *elem, long value)`),
      decibel: selem(`int @_set_${direction}_dB_all(void *elem, long hundredths, int rounding)`),
      switch: selem(`int @_set_${direction}_switch_all(void *elem, int value)`),
    })),
  };
}
