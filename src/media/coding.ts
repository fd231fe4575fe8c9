/** The codec of one stream, both ways, and what else of its configuration the RTP session goes by. */
import { makeDecoder, makeEncoder, type Pauses } from '../audio/index.ts';
import type { SessionConfig } from '../rtp/index.ts';
import { Listener } from './listener.ts';
import { Talker } from './talker.ts';
import type { Codec, StreamConfig } from './types.ts';

/** Made anew when the codec changes. */
export interface Coding {
  codec: Codec;
  packetMs: number;
  pauses: Pauses;
  listener: Listener;
  talker: Talker;
}

/** The numbers of payload types do not change a codec. */
const sameFormat = (a: Codec, b: Codec): boolean =>
  JSON.stringify({ ...a, payloadType: 0 }) === JSON.stringify({ ...b, payloadType: 0 });

/** What runs `now` goes on where the codec stays: its memory is that of the sound so far. Throws `CodecError`. */
export function codingFor(config: StreamConfig, rateHz: number, now: Coding | undefined): Coding {
  const { codec, packetMs } = config;
  const pauses = !config.pauses ? 'sent' : config.noisePayloadType === undefined ? 'left-out' : 'noise';
  if (now?.packetMs === packetMs && now.pauses === pauses && sameFormat(now.codec, codec)) return now;
  const encoder = makeEncoder(codec, rateHz, pauses);
  const talker = new Talker(encoder, rateHz, packetMs);
  if (now !== undefined && sameFormat(now.codec, codec)) return { ...now, codec, packetMs, pauses, talker };
  const listener = new Listener(makeDecoder(codec, rateHz), codec.clockRateHz, rateHz);
  return { codec, packetMs, pauses, listener, talker };
}

export const sessionConfig = ({ codec, digits, ...config }: StreamConfig, { listener }: Coding): SessionConfig => ({
  payloadType: codec.payloadType,
  clockRateHz: codec.clockRateHz,
  packetMs: config.packetMs,
  dtmfPayloadType: config.dtmfPayloadType,
  dtmfClockRateHz: config.dtmfClockRateHz,
  dtmf: digits && { digitMs: digits.durationMs, gapMs: digits.gapMs },
  noisePayloadType: config.noisePayloadType,
  received: config.received,
  extendedReports: config.extendedReports,
  buffer: config.buffer,
  ticksOf: listener.ticksOf,
});

/** As if the answer had begun with `other`, which is one of `config.others`. */
export function changedTo(other: NonNullable<StreamConfig['others']>[number], config: StreamConfig): StreamConfig {
  const { codec, packetMs, dtmfPayloadType, dtmfClockRateHz = codec.clockRateHz } = config;
  const received = config.received?.payloadType ?? codec.payloadType;
  return {
    ...config,
    ...other,
    restart: false,
    dtmfClockRateHz,
    noisePayloadType: undefined,
    received: { payloadType: other.received, dtmfPayloadType: config.received?.dtmfPayloadType ?? dtmfPayloadType },
    others: [{ codec, packetMs, received }, ...config.others!.filter((one) => one !== other)],
  };
}
