/** What there is to tell about a stream so far. */
import type { RtpSession } from '../rtp/index.ts';
import type { Coding } from './coding.ts';
import type { StreamStatistics } from './types.ts';

/** `session`, `coding`: none before it is configured. */
export function statisticsOf(
  session: RtpSession | undefined,
  coding: Coding | undefined,
  packetsRejected: number,
): StreamStatistics {
  const remote = session?.remoteMetrics;
  return {
    codec: coding?.codec.encoding,
    packetsSent: session?.packetsSent ?? 0,
    packetsReceived: session?.reception.packetsReceived ?? 0,
    packetsLost: session?.reception.packetsLost ?? 0,
    packetsLate: session?.jitter.packetsLate ?? 0,
    packetsRejected,
    jitterMs: session?.reception.jitterMs ?? 0,
    bufferMs: session?.jitter.delayMs ?? 0,
    concealedMs: Math.round(coding?.listener.concealedMs ?? 0),
    roundTripMs: session?.roundTripMs,
    score: session?.metrics().mosConversation,
    remoteScore: remote?.mosConversation,
    remoteLoss: remote === undefined ? session?.remoteLoss : remote.lossRate + remote.discardRate,
  };
}
