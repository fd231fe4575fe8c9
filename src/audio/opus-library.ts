/** libopus, bound by koffi once per thread, and only when somebody asks. The one file of this room that leaves it. */
import koffi from 'koffi';
import { CodecError } from './codec.ts';

export type OpusLibrary = ReturnType<typeof bind>;

// Of opus_defines.h.
export const OPUS_APPLICATION_VOIP = 2048;
export const OPUS_SET_BITRATE = 4002;
export const OPUS_SET_MAX_BANDWIDTH = 4004;
export const OPUS_SET_VBR = 4006;
export const OPUS_SET_COMPLEXITY = 4010;
export const OPUS_SET_INBAND_FEC = 4012;
export const OPUS_SET_PACKET_LOSS_PERC = 4014;
export const OPUS_SET_DTX = 4016;
export const OPUS_BANDWIDTH_NARROWBAND = 1101;

let library: OpusLibrary | undefined;

/** Throws `CodecError` when the system has none. */
export function loadOpus(): OpusLibrary {
  library ??= bind(open());
  return library;
}

/** Why there is no Opus here; undefined: there is. */
export function missingOpus(): string | undefined {
  try {
    open();
    return undefined;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return error.message;
  }
}

function open(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load('libopus.so.0');
  } catch (cause) {
    throw new CodecError('opus-library', 'Cannot load libopus.so.0: apt-get install libopus0', { cause });
  }
}

function bind(lib: ReturnType<typeof koffi.load>) {
  return {
    encoderBytes: lib.func('int opus_encoder_get_size(int channels)'),
    encoderInit: lib.func('int opus_encoder_init(void *state, int32_t rateHz, int channels, int application)'),
    encoderSet: lib.func('int opus_encoder_ctl(void *state, int request, ...)'),
    encode: lib.func('int32_t opus_encode(void *state, void *pcm, int count, void *payload, int32_t bytes)'),
    decoderBytes: lib.func('int opus_decoder_get_size(int channels)'),
    decoderInit: lib.func('int opus_decoder_init(void *state, int32_t rateHz, int channels)'),
    decode: lib.func('int opus_decode(void *state, void *payload, int32_t bytes, void *pcm, int count, int fec)'),
  };
}
