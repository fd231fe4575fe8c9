/** The user agent and the calls above it, built from the configuration. */
import type { Logger } from '../base/index.ts';
import { Calls } from '../call/index.ts';
import type { Config } from '../config/index.ts';
import { soundRateHz } from '../media/index.ts';
import type { MediaEngine } from '../media/types.ts';
import { missingDtls } from '../rtp/dtls-library.ts';
import { sourceAddress } from '../sip/transport/index.ts';
import { UserAgent } from '../sip/ua/index.ts';
import { instanceOf } from './instance.ts';
import { dtlsIdentity, secretBytes, systemRandom } from './random.ts';
import { mayWatch, trustOf } from './trust.ts';

interface Options {
  config: Config;
  stateDirectory: string;
  version: string;
  logger: Logger;
}

export function makeUserAgent({ config, stateDirectory, version, logger }: Options): UserAgent {
  const { sip, terminal } = config;
  return new UserAgent(
    {
      accounts: sip.accounts,
      product: `Hailpoint/${version}`,
      user: terminal.id,
      displayName: terminal.name,
      sessionExpiresS: sip.sessionExpiresS,
      redirects: sip.redirects,
      trust: trustOf(config),
      instance: instanceOf(stateDirectory, logger),
      oversize: sip.oversize,
      firstAnswerMs: sip.firstAnswerMs,
      mayWatch: (address) => mayWatch(config, address),
    },
    systemRandom,
  );
}

/** `codecs`: those that can be spoken here. */
export function makeCalls(ua: UserAgent, media: MediaEngine, options: Options, codecs: Config['codecs']): Calls {
  const { config, logger } = options;
  const { packetMs, pauses, jitter, encryption, keys, dtmf, digits } = config;
  const noDtls = missingDtls();
  if (noDtls !== undefined) logger.warn('no DTLS-SRTP: calls are encrypted by keys in SDP', { reason: noDtls });
  return new Calls(
    ua,
    media,
    {
      codecs,
      packetMs,
      soundRateHz: soundRateHz(config.media),
      pauses,
      jitter,
      encryption,
      keys,
      dtmf,
      digits,
      source: sourceAddress,
      secretBytes,
      ...(noDtls === undefined && { identity: dtlsIdentity }),
    },
    systemRandom,
    logger,
  );
}
