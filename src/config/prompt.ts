/** What is played to people: a file, a text, several of them, or the same in several languages. */
import { z } from 'zod';
import type { Prompt } from '../terminal/types.ts';
import { about, text } from './fields.ts';
import { existingFile, type Surroundings } from './secrets.ts';

/** A name of `espeak-ng --voices`. */
export const voice = z
  .string()
  .regex(/^[A-Za-z][\w+-]{0,63}$/)
  .meta({ expected: 'a name of espeak-ng --voices, such as en or de+f2' });

/** Before it is known which languages are wanted. A text without a voice has that of its language, else that of `audio.voice`. */
export interface WrittenPart {
  file?: string;
  say?: string;
  voice?: string;
  language?: string;
}

const EXPECTED =
  'a sound file, { say: TEXT }, a list of these, or one for each language: { de: FILE, en: { say: TEXT } }';

export function prompt(around: Surroundings) {
  const part = z.union([
    existingFile(around).transform((file): WrittenPart => ({ file })),
    z.strictObject({ say: about('Spoken by espeak-ng.', text('a text')), voice: voice.optional() }),
  ]);
  const languages = z
    .record(z.string().regex(/^[a-z]{2}(-[a-z0-9]+)?$/), part)
    .transform((parts) => Object.entries(parts).map(([language, one]): WrittenPart => ({ ...one, language })));
  return z.union([part.transform((one) => [one]), z.array(part).min(1), languages]).meta({ expected: EXPECTED });
}

/** With what `audio` says: these languages, in this order. A prompt that is in none of them is played in all it has. */
export function chosen(parts: readonly WrittenPart[], audio: { voice: string; languages?: readonly string[] }): Prompt {
  const wanted = (audio.languages ?? []).flatMap((wish) => parts.filter(({ language }) => language === wish));
  const played = wanted.length > 0 && parts.every(({ language }) => language !== undefined) ? wanted : parts;
  const prompt = played.map(({ file, say, language, voice = language ?? audio.voice }) => {
    return file ?? { say: say ?? '', voice };
  });
  return prompt.length === 1 && typeof prompt[0] === 'string' ? prompt[0] : prompt;
}
