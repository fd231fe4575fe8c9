/** Which of the configured codecs this machine can really speak. */
import { missingOpus } from '../audio/index.ts';
import type { Logger } from '../base/index.ts';
import type { CodecName } from '../sdp/index.ts';

/** Every telephone has one of these. */
const ALWAYS: readonly CodecName[] = ['pcma', 'pcmu'];

/** What `configured` leaves without a library that is missing; never nothing, for a press must get out. */
export function spoken(
  configured: readonly CodecName[],
  logger: Logger,
  missing: () => string | undefined = missingOpus,
): readonly CodecName[] {
  const reason = configured.includes('opus') ? missing() : undefined;
  if (reason === undefined) return configured;
  const rest = configured.filter((codec) => codec !== 'opus');
  const codecs = rest.length > 0 ? rest : ALWAYS;
  logger.warn('no Opus: it is not offered', { reason, codecs: codecs.join(' ') });
  return codecs;
}
