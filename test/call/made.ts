/** The calls above a user agent, as tests have them: one codec, nothing encrypted unless it is said, nothing logged. */
import { silentLogger } from '../../src/base/index.ts';
import { Calls } from '../../src/call/index.ts';
import type { MediaEngine } from '../../src/media/types.ts';
import type { Encryption } from '../../src/sdp/index.ts';
import type { UserAgentInterface } from '../../src/sip/ua/index.ts';
import { CountingRandom } from '../kit/random.ts';

export function makeCalls(
  ua: UserAgentInterface,
  media: MediaEngine,
  encryption: Readonly<Record<string, Encryption>> = {},
): Calls {
  const secretBytes = (count: number): Uint8Array => new Uint8Array(count);
  const settings = { codecs: ['pcma'], packetMs: 20, encryption, secretBytes } as const;
  return new Calls(ua, media, settings, new CountingRandom(), silentLogger);
}
