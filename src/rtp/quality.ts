/**
 * How well a stream is heard: loss told apart into bursts and the gaps between them (RFC 3611 §4.7.2), and the rating of the
 * E-model (ITU-T G.107) made of loss and delay. Fed with every packet of the audio; what `metrics` makes goes into RTCP XR.
 */

/** RFC 3611 §4.7.2: so many good packets in a row end a burst. */
const GAP_PACKETS = 16;
/** Without any impairment, G.107 with its defaults. */
const BEST_RATING = 93.2;
/**
 * Robustness against loss, G.113 Appendix I: 25.1 for G.711 with concealment of lost packets. Those of wide-band codecs stand on
 * another scale; ours conceals them alike.
 */
const LOSS_ROBUSTNESS = 25.1;

/** Fractions are 0..1; durations ms; absent: not known. */
export interface VoipMetrics {
  lossRate: number;
  discardRate: number;
  burstDensity: number;
  gapDensity: number;
  burstMs: number;
  gapMs: number;
  roundTripMs?: number;
  /** Of this end: from the packet's arrival to the loudspeaker, and from the microphone to the packet. */
  endSystemMs?: number;
  /** R of G.107, 0..100. */
  rating?: number;
  /** Mean opinion scores, 1..5: of listening, and of conversation with its delay. */
  mosListening?: number;
  mosConversation?: number;
  bufferMs?: number;
  bufferLongestMs?: number;
  adaptive?: boolean;
}

export class StreamQuality {
  #good = 0;
  #lost = 0;
  #late = 0;
  /** Bad packets that follow a good one. */
  #badRuns = 0;
  /** Good packets since the last bad one. */
  #run = 0;
  /** What may become a burst: from its first bad packet to its last. */
  #openPackets = 0;
  #openBad = 0;
  #bursts = 0;
  #burstPackets = 0;
  #burstBad = 0;
  #gapPackets = 0;
  #gapBad = 0;

  /** `missing`: how many before it have not come; below 0: so many that were missing have come now. */
  packet(missing: number, late: boolean): void {
    if (missing < 0) this.#lost = Math.max(0, this.#lost + missing);
    for (let i = 0; i < missing; i++) {
      this.#lost++;
      this.#bad();
    }
    if (late) {
      this.#late++;
      if (missing >= 0) this.#bad();
    } else {
      this.#good++;
      this.#run++;
    }
  }

  /** `repaired`: of the lost packets those that were found in another one, which are not lost then (RFC 3611 §4.7.1). */
  metrics(
    packetMs: number,
    delays: Pick<VoipMetrics, 'roundTripMs' | 'endSystemMs'> = {},
    repaired: number = 0,
  ): VoipMetrics {
    const lost = Math.max(0, this.#lost - repaired);
    const open = this.#openBad > 1;
    const bursts = this.#bursts + (open ? 1 : 0);
    const burstPackets = this.#burstPackets + (open ? this.#openPackets : 0);
    const burstBad = this.#burstBad + (open ? this.#openBad : 0);
    const gapPackets = this.#gapPackets + this.#run + (open ? 0 : this.#openPackets);
    const gapBad = this.#gapBad + (open ? 0 : this.#openBad);
    const total = Math.max(1, this.#total);
    const { roundTripMs = 0, endSystemMs = 0 } = delays;
    // BurstR of G.107: how many are lost in a row, beside what random loss of that rate would make of it.
    // Late packets are as good as lost.
    const badRate = (lost + this.#late) / total;
    const inARow = (lost + this.#late) / Math.max(1, this.#badRuns);
    const burstRatio = Math.max(1, inARow * (1 - badRate));
    const listening = BEST_RATING - impairmentOfLoss(badRate, burstRatio);
    const rating = Math.max(0, listening - impairmentOfDelay(roundTripMs / 2 + endSystemMs));
    return {
      lossRate: lost / total,
      discardRate: this.#late / total,
      burstDensity: burstPackets === 0 ? 0 : burstBad / burstPackets,
      gapDensity: gapPackets === 0 ? 0 : gapBad / gapPackets,
      burstMs: bursts === 0 ? 0 : (burstPackets * packetMs) / bursts,
      gapMs: (gapPackets * packetMs) / (bursts + 1),
      ...delays,
      ...(this.#total > 0 && { rating, mosListening: meanOpinion(listening), mosConversation: meanOpinion(rating) }),
    };
  }

  get #total(): number {
    return this.#good + this.#lost + this.#late;
  }

  #bad(): void {
    if (this.#run > 0 || this.#openBad === 0) this.#badRuns++;
    if (this.#openBad > 0 && this.#run < GAP_PACKETS) {
      this.#openPackets += this.#run + 1;
      this.#openBad++;
    } else {
      this.#close();
      this.#gapPackets += this.#run;
      this.#openPackets = 1;
      this.#openBad = 1;
    }
    this.#run = 0;
  }

  #close(): void {
    if (this.#openBad > 1) {
      this.#bursts++;
      this.#burstPackets += this.#openPackets;
      this.#burstBad += this.#openBad;
    } else {
      this.#gapPackets += this.#openPackets;
      this.#gapBad += this.#openBad;
    }
  }
}

/** Ie,eff of G.107 §7.2.2, where the codec alone impairs nothing. `lossRate`: 0..1. */
export function impairmentOfLoss(lossRate: number, burstRatio: number): number {
  const percent = 100 * lossRate;
  return (95 * percent) / (percent / burstRatio + LOSS_ROBUSTNESS);
}

/** Idd of G.107 §7.2.1: nothing up to 100 ms from mouth to ear. */
export function impairmentOfDelay(oneWayMs: number): number {
  if (oneWayMs <= 100) return 0;
  const x = Math.log2(oneWayMs / 100);
  return 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2);
}

/** G.107 Annex B. */
export function meanOpinion(rating: number): number {
  if (rating <= 0) return 1;
  if (rating >= 100) return 4.5;
  return Math.max(1, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6);
}
