/** What a network makes of a steady stream of packets, in virtual time: the same for the same seed. */
import { SeededRandom } from '../sdp/kit.ts';

export interface TracePacket {
  /** From 0 on, unwrapped. */
  sequence: number;
  sentMs: number;
  /** Infinity: lost. */
  arrivalMs: number;
}

export interface Loss {
  percent: number;
  /** Gilbert-Elliott: 4 packets in a row on average. Otherwise each by itself. */
  bursty: boolean;
}

export type Jitter =
  /** Each packet by itself, overtaking allowed. */
  | { kind: 'uniform'; ms: number }
  /** A queue in the way: delays with an exponential tail that change from packet to packet, in order. `ms`: 99 % are below. */
  | { kind: 'queue'; ms: number }
  /** A radio link that stands still now and then for up to `ms`, then gives all at once; 2 ms otherwise. */
  | { kind: 'bursts'; ms: number }
  /** Quiet, then `ms` uniform, then quiet, by thirds. */
  | { kind: 'steps'; ms: number };

/** 0 .. 1. */
export function uniform(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.below(2 ** 30) / 2 ** 30;
}

/** `count` packets of `packetMs`, in the order they were sent; the fastest needs `leastMs`. */
export function trace(
  count: number,
  loss: Loss,
  jitter: Jitter,
  seed: number,
  packetMs = 20,
  leastMs = 0,
): TracePacket[] {
  const lost = losses(loss, uniform(seed));
  const delayed = delays(jitter, count, packetMs, uniform(seed + 1000));
  return Array.from({ length: count }, (_, sequence) => {
    const sentMs = sequence * packetMs;
    const arrivalMs = sentMs + leastMs + delayed(sequence);
    return { sequence, sentMs, arrivalMs: lost() && sequence > 0 ? Number.POSITIVE_INFINITY : arrivalMs };
  });
}

function losses({ percent, bursty }: Loss, random: () => number): () => boolean {
  const share = percent / 100;
  if (!bursty) return () => random() < share;
  const leave = 1 / 4;
  const enter = (leave * share) / (1 - share);
  let bad = false;
  return () => {
    bad = bad ? random() >= leave : random() < enter;
    return bad;
  };
}

function delays(jitter: Jitter, count: number, packetMs: number, random: () => number): (sequence: number) => number {
  const { ms } = jitter;
  switch (jitter.kind) {
    case 'uniform':
      return () => random() * ms;
    case 'steps':
      return (sequence) => random() * (sequence >= count / 3 && sequence < (2 * count) / 3 ? ms : 1);
    case 'queue': {
      const mean = ms / Math.log(100);
      let state = 0;
      let last = 0;
      return () => {
        // Half of it remembered, so that neighbours are alike; never before the one in front.
        state = 0.5 * state + 0.5 * -Math.log(1 - random()) * mean * 1.2;
        last = Math.max(state, last - packetMs);
        return last;
      };
    }
    case 'bursts': {
      let untilMs = -1;
      let nextMs = 1000;
      return (sequence) => {
        const sentMs = sequence * packetMs;
        if (sentMs >= nextMs) {
          untilMs = sentMs + ms * (0.3 + 0.7 * random());
          nextMs = sentMs + 500 + 3000 * random();
        }
        return Math.max(untilMs - sentMs, 0) + 2 * random();
      };
    }
  }
}
