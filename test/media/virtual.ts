/** A jitter buffer and a listener in virtual time: packets of a trace in, what the loudspeaker gets out. */
import type { Decoder } from '../../src/audio/index.ts';
import { Listener } from '../../src/media/listener.ts';
import { type BufferMode, JitterBuffer, RtpHeader } from '../../src/rtp/index.ts';
import type { TracePacket } from '../kit/traces.ts';

export interface Line {
  mode?: BufferMode;
  packetMs?: number;
  codecRateHz?: number;
  rateHz?: number;
  /** What is spoken, at `codecRateHz`, over and over; otherwise silence. */
  speech?: Int16Array;
  untilMs: number;
  /** The sound card's clock against the one of the arrivals: above 0 it is faster. */
  cardPpm?: number;
  /** Called for each frame. */
  played?(frame: Int16Array, atMs: number, line: { listener: Listener; jitter: JitterBuffer }): void;
  /** What stands in a packet that may be lost too: the packet before it can be recovered from it. */
  redundant?: boolean;
  /** False: holes are silent. */
  concealing?: boolean;
}

export interface HeardPacket {
  sequence: number;
  /** When its first sample reaches the loudspeaker. */
  atMs: number;
  /** What had been made up until then, ms. */
  madeUpMs: number;
}

export interface Heard {
  packets: HeardPacket[];
  jitter: JitterBuffer;
  listener: Listener;
  recovered: number;
}

/** Packets are numbered payloads; the decoder knows what was spoken. */
export function listen(trace: Iterable<TracePacket>, line: Line): Heard {
  const { packetMs = 20, codecRateHz = 8000, rateHz = 16_000, mode = CALL, speech, cardPpm = 0 } = line;
  const count = (codecRateHz * packetMs) / 1000;
  const heard: HeardPacket[] = [];
  let now = 0;
  let recovered = 0;
  let listener: Listener | undefined;
  const speak = (sequence: number, to: Int16Array, at: number, from: number, samples: number): void => {
    if (speech === undefined) to.fill(0, at, at + samples);
    else for (let i = 0; i < samples; i++) to[at + i] = speech[(sequence * count + from + i) % speech.length];
  };
  const numberOf = (payload: Uint8Array, offset: number): number =>
    (payload[offset] << 24) | (payload[offset + 1] << 16) | (payload[offset + 2] << 8) | payload[offset + 3];
  const decoder: Decoder = {
    rateHz: codecRateHz,
    concealsMs: line.concealing === false ? 1e9 : 0,
    samplesIn: () => count,
    decode: (payload, offset, _length, to, at) => {
      const sequence = numberOf(payload, offset);
      heard.push({ sequence, atMs: now + listener!.aheadMs, madeUpMs: listener!.concealedMs });
      speak(sequence, to, at, 0, count);
      return count;
    },
    conceal: (to, at, samples) => void to.fill(0, at, at + samples),
    recover: (payload, offset, _length, to, at, samples) => {
      if (!line.redundant) return false;
      recovered++;
      speak(numberOf(payload, offset) - 1, to, at, count - samples, samples);
      return true;
    },
  };
  const jitter = new JitterBuffer(codecRateHz, mode);
  listener = new Listener(decoder, codecRateHz, rateHz);
  const header = new RtpHeader();
  const bytes = new Uint8Array(12 + 4);
  const frame = new Int16Array(rateHz / 100);
  const tickMs = 10 / (1 + cardPpm * 1e-6);
  const arriving = inOrder(trace);
  let next = arriving.next();
  for (let tick = 0; ; tick++) {
    now = tick * tickMs;
    if (now >= line.untilMs) break;
    for (; !next.done && next.value.arrivalMs <= now; next = arriving.next()) {
      const { sequence } = next.value;
      header.sequence = sequence & 0xffff;
      header.rtpTimestamp = (sequence * count) >>> 0;
      header.marker = sequence === 0;
      header.payloadOffset = 12;
      header.payloadLength = 4;
      for (let i = 0; i < 4; i++) bytes[12 + i] = sequence >>> (24 - 8 * i);
      jitter.put(header, count, bytes, now);
    }
    listener.fill(frame, jitter, now);
    line.played?.(frame, now, { listener, jitter });
  }
  return { packets: heard, jitter, listener, recovered };
}

export const CALL: BufferMode = { kind: 'adaptive', minMs: 10, maxMs: 200 };

/** By arrival, without those that do not; only a short piece of the trace is looked at at once. */
function* inOrder(trace: Iterable<TracePacket>): Generator<TracePacket> {
  const held: TracePacket[] = [];
  for (const packet of trace) {
    if (packet.arrivalMs !== Number.POSITIVE_INFINITY) {
      let at = held.length;
      while (at > 0 && held[at - 1].arrivalMs > packet.arrivalMs) at--;
      held.splice(at, 0, packet);
    }
    while (held.length > 0 && held[0].arrivalMs <= packet.sentMs) yield held.shift()!;
  }
  yield* held;
}
