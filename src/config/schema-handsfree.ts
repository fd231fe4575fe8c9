/** The keys of `audio` that make talk hands-free, and the loudspeaker as loud as place and hour want it. */
import { z } from 'zod';
import type { HandsfreeConfig } from '../media/types.ts';
import { about, duration, integer, oneOf, timeOfDay } from './fields.ts';
import type { NightConfig } from './types.ts';

const choice = oneOf(['auto', 'on', 'off']);
const loudness = z
  .strictObject({
    follow: about('The loudspeaker grows louder with the noise of the place.', z.boolean().prefault(false)).meta({
      expected: 'true or false',
    }),
    min: about('Percent it never falls below by this.', integer(0, 100).prefault(40)),
    max: about('Percent it never exceeds by this.', integer(0, 100).prefault(100)),
    quiet: about(
      'The noise, in dBFS of the microphone, at which audio.volume holds: see ambientDbfs in hailpoint status.',
      integer(-90, -20).prefault(-60),
    ),
  })
  .refine(({ min, max }) => min <= max, { error: 'min is more than max', path: ['min'] });

const night = z
  .strictObject({
    from: about('Begins.', timeOfDay),
    to: about('Ends.', timeOfDay),
    volume: about('Percent it may be at most.', integer(0, 100)),
    except: about('Calls and pages of this priority and above are as loud as by day.', integer(1, 10).prefault(9)),
  })
  .refine(({ from, to }) => from !== to, { error: 'it begins when it ends', path: ['to'] });

export const handsfreeKeys = {
  'verify-pages': about(
    'While a page sounds the microphone is opened to judge whether it is audible; nothing of it is sent or kept.',
    z.boolean().prefault(false),
  ).meta({ expected: 'true or false' }),
  echo: about(
    'auto: echo canceller, and half duplex until it has learned the room; only one of them; or neither. A file has no echo.',
    oneOf(['auto', 'canceller', 'half-duplex', 'off']).prefault('auto'),
  ),
  'noise-suppression': about('Of the microphone; auto: of a sound card, not of a file.', choice.prefault('auto')),
  agc: about('Brings who is far from the microphone nearer; auto: as above.', choice.prefault('auto')),
  loudness: about('How loud the loudspeaker is where it is noisy.', loudness.prefault({})),
  ambient: about(
    'Where only pages come, the microphone never opens, and the noise is not known.',
    z
      .strictObject({
        sample: about(
          'While nothing goes on the microphone is opened this often for a moment, for its level alone: no sound leaves the terminal.',
          duration('10s', '1h', 'off').prefault('off'),
        ),
      })
      .prefault({}),
  ),
  night: about('The hours, by the local clock, in which the loudspeaker is less loud.', night.optional()),
};

type Keys = z.output<z.ZodObject<typeof handsfreeKeys>> & { volume: number };

export function handsfreeOf(audio: Keys): HandsfreeConfig {
  const { quiet, ...limits } = audio.loudness;
  return {
    echo: audio.echo,
    noiseSuppression: audio['noise-suppression'],
    agc: audio.agc,
    loudness: { volume: audio.volume, quietDbfs: quiet, ...limits },
    ambientSampleMs: audio.ambient.sample,
  };
}

export function nightOf(night: NonNullable<Keys['night']>): NightConfig {
  return { fromMinute: night.from, toMinute: night.to, volume: night.volume, exceptPriority: night.except };
}
