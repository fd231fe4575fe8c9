/** The system's libraries and programs that a feature of the file stands on. */
import { spawnSync } from 'node:child_process';
import { missingOpus } from '../audio/index.ts';
import type { Config } from '../config/index.ts';
import { loadAlsa } from '../io/soundcard/index.ts';
import { missingDtls } from '../rtp/dtls-library.ts';
import type { Prompt } from '../terminal/index.ts';
import { type Finding, fault, ok } from './types.ts';

export function libraries(config: Config): Finding[] {
  const findings: Finding[] = [];
  if (config.media.sound.driver === 'alsa') findings.push(libasound());
  if (config.codecs.includes('opus')) findings.push(libopus());
  if (Object.values(config.keys).includes('dtls')) findings.push(dtls());
  if (speaks(config)) findings.push(espeak(config.voice));
  return findings;
}

function libasound(): Finding {
  try {
    loadAlsa();
    return ok('libasound', 'found');
  } catch (error) {
    return fault('libasound', (error as Error).message, 'apt-get install libasound2t64 (Debian 12: libasound2)');
  }
}

function libopus(): Finding {
  const missing = missingOpus();
  if (missing === undefined) return ok('libopus', 'found: Opus is offered');
  return fault(
    'libopus',
    `${missing}; Opus is not offered`,
    'apt-get install libopus0, or leave opus out of audio.codecs',
  );
}

function dtls(): Finding {
  const missing = missingDtls();
  if (missing === undefined) return ok('openssl', 'found: DTLS-SRTP is possible');
  return fault('openssl', missing, 'apt-get install libssl3t64, or keys: sdes in the account');
}

/** A text is spoken somewhere. */
function speaks({ terminal }: Config): boolean {
  const prompts = Object.values(terminal.calls).flatMap(({ prompt, confirm, lastResort }) => [
    prompt,
    confirm?.prompt,
    lastResort?.prompt,
  ]);
  const spoken = (prompt: Prompt | undefined): boolean =>
    typeof prompt === 'object' && prompt.some((part) => typeof part !== 'string');
  return prompts.some(spoken) || terminal.incoming.some(({ message }) => message === 'speak');
}

function espeak(voice: string): Finding {
  const { error, status, stderr } = spawnSync('espeak-ng', ['-v', voice, '-q', 'a'], {
    timeout: 5000,
    encoding: 'utf8',
  });
  if (error === undefined && status === 0) return ok('espeak-ng', `found, with the voice ${voice}`);
  const why = error === undefined ? stderr.trim().slice(0, 120) : 'it is not installed';
  return fault('espeak-ng', `texts are not spoken: ${why}`, 'apt-get install espeak-ng; espeak-ng --voices names them');
}
