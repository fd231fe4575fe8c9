/** How calls sound: the figures of their streams while they last, and the event with the whole when one has ended. */
import type { MediaEvent, StreamStatistics } from '../media/index.ts';
import type { TerminalEvent } from '../terminal/types.ts';

export type CallQuality = Omit<Extract<TerminalEvent, { type: 'quality' }>, 'type' | 'call'>;

export class Quality {
  /** By stream. */
  readonly #live = new Map<string, { call: string; quality: CallQuality }>();

  /** The event of a call that has ended, if sound went either way. */
  noticed(event: MediaEvent): TerminalEvent | undefined {
    if (event.type !== 'statistics' || event.call === undefined) return undefined;
    // One call of a plan rings several phones: `call-1.2` is a part of it.
    const call = event.call.split('.')[0];
    const quality = qualityOf(event.statistics);
    if (!event.final) {
      this.#live.set(event.stream, { call, quality });
      return undefined;
    }
    this.#live.delete(event.stream);
    return quality.received + quality.sent === 0 ? undefined : { type: 'quality', call, ...quality };
  }

  of(call: string): CallQuality | undefined {
    for (const live of this.#live.values()) if (live.call === call) return live.quality;
    return undefined;
  }
}

function qualityOf(of: StreamStatistics): CallQuality {
  const known = (value: number | undefined, digits: number): number | undefined =>
    value === undefined ? undefined : Number(value.toFixed(digits));
  const whole = {
    codec: of.codec?.toLowerCase(),
    sent: of.packetsSent,
    received: of.packetsReceived,
    lost: of.packetsLost,
    late: of.packetsLate,
    jitterMs: known(of.jitterMs, 1),
    bufferMs: known(of.bufferMs, 0),
    concealedMs: of.concealedMs,
    roundTripMs: known(of.roundTripMs, 0),
    score: known(of.score, 1),
    remoteScore: known(of.remoteScore, 1),
    remoteLoss: known(of.remoteLoss, 3),
  };
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)) as unknown as CallQuality;
}
