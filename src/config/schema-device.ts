/** How the board is wired: the lines of buttons and lamps, and the sound card. */

import { resolve } from 'node:path';
import { z } from 'zod';
import type { LineConfig } from '../io/gpio/index.ts';
import type { MediaConfig } from '../media/types.ts';
import { about, duration, oneOf, text } from './fields.ts';
import { named } from './schema-terminal.ts';

/** Drivers that later versions will have. */
export const PLANNED_LINE_DRIVERS: readonly string[] = ['sysfs', 'evdev', 'leds', 'serial', 'modbus'];
export const LINE_DRIVERS = ['gpiochip', 'simulated'] as const;

const chip = about('Label, name or path of the GPIO chip.', text('a chip such as pinctrl-bcm2711'));
const line = about(
  'Name of the line, or its offset in the chip.',
  z.union([z.string().min(1), z.int().min(0).max(65_535)]).meta({ expected: 'the name of a line or its number' }),
);
const active = oneOf(['low', 'high']);
const simulated = z.strictObject({ driver: z.literal('simulated') });

const gpioButton = z.strictObject({
  driver: z.literal('gpiochip'),
  chip,
  line,
  active: about('The level of a pressed button: low when it pulls to ground.', active.prefault('low')),
  bias: about("The board's own resistor.", oneOf(['pull-up', 'pull-down', 'disabled']).optional()),
  debounce: about('Shorter pulses are no press.', duration('0ms', '1s').prefault('30ms')),
});

const gpioOutput = z.strictObject({
  driver: z.literal('gpiochip'),
  chip,
  line,
  active: about('The level that lights the lamp.', active.prefault('high')),
});

const buttonLine = z.discriminatedUnion('driver', [gpioButton, simulated]).transform((wire): LineConfig => {
  if (wire.driver === 'simulated') return wire;
  const { debounce, ...rest } = wire;
  return { ...rest, debounceMs: debounce };
});

const outputLine = z
  .discriminatedUnion('driver', [gpioOutput, simulated])
  .transform((wire): LineConfig => (wire.driver === 'simulated' ? wire : { ...wire, debounceMs: 0 }));

const rate = about(
  'Sample rate of the sound engine, Hz.',
  z.union([z.literal(8000), z.literal(16_000), z.literal(48_000)]),
)
  .prefault(16_000)
  .meta({ expected: '8000, 16000 or 48000' });
const period = about('How much sound the card takes at once.', duration('5ms', '40ms').prefault('10ms'));
const alsaDevice = text('an ALSA device such as plughw:CARD=Speakerphone, or usb:1-1.2');
const card = (what: string) =>
  about(`The ${what}, as ALSA names it; or usb: and the socket it is plugged into.`, alsaDevice.prefault('default'));
const controls = about(
  'Mixer controls, set each time the card is opened and put back at the end: 80%, -12dB, on, off, or the name of an item.',
  z
    .record(
      z.string(),
      z.union([z.boolean().transform((on) => (on ? 'on' : 'off')), z.string().min(1)]).meta({
        expected: '80%, -12dB, on, off, or the name of an item',
      }),
    )
    .optional(),
).meta({ expected: 'controls by the names that amixer shows' });
const fallback = about(
  'In place of a card that fails, until it is back and all is quiet.',
  z
    .strictObject({
      speaker: about('The loudspeaker.', alsaDevice.optional()),
      microphone: about('The microphone.', alsaDevice.optional()),
      controls,
    })
    .optional(),
);
const release = about(
  'The loudspeaker is let go of this long after its last use.',
  duration('1s', '10m', 'never').prefault('5s'),
);

/** `directoryOf(key)`: where a relative path in `sound.KEY` starts. */
function sound(directoryOf: (key: string) => string) {
  const wav = (key: string) =>
    text('the path of a WAV file')
      .transform((file) => resolve(directoryOf(key), file))
      .optional();
  return z
    .discriminatedUnion('driver', [
      z.strictObject({
        driver: z.literal('alsa'),
        speaker: card('loudspeaker'),
        microphone: card('microphone'),
        fallback,
        controls,
        release,
        rate,
        period,
      }),
      z.strictObject({
        driver: z.literal('file'),
        speaker: about('WAV file that gets what the loudspeaker plays.', wav('speaker')),
        microphone: about('WAV file heard from the moment a call opens the microphone.', wav('microphone')),
        rate,
        period,
      }),
      z.strictObject({ driver: z.literal('none') }),
    ])
    .transform((given): MediaConfig['sound'] => {
      if (given.driver === 'none') return given;
      const { rate: rateHz, period: periodMs, ...rest } = given;
      if (rest.driver === 'file') return { ...rest, rateHz, periodMs };
      const { release: releaseMs, ...card } = rest;
      return { ...card, rateHz, periodMs, releaseMs };
    });
}

export function deviceSchema(directoryOf: (soundKey: string) => string) {
  return z.strictObject({
    name: about('What this wiring is.', text('a name').optional()),
    simulate: about(
      "Buttons and outputs that the terminal's file names and nobody wired are simulated.",
      z.boolean().prefault(false),
    ).meta({ expected: 'true or false' }),
    buttons: about('Which line is which button.', named('a button', buttonLine).prefault({})),
    outputs: about('Which line is which lamp or relay.', named('an output', outputLine).prefault({})),
    sound: about('The sound card.', sound(directoryOf).prefault({ driver: 'none' })),
  });
}
