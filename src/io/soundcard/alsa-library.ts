/**
 * The part of libasound this program uses, bound by koffi once per thread. Every call here returns at once on a healthy card;
 * `open`, `hwParams`, `drop` and `close` may hang with a dead driver, so they are only called by `alsa-open.ts`, asynchronously.
 */
import koffi from 'koffi';
import { SoundError } from './types.ts';

/** A `snd_pcm_t *`: the same number in every thread of the process. */
export type PcmPointer = bigint;

export const PLAYBACK = 0;
export const CAPTURE = 1;
export const NONBLOCK = 1;
export const RW_INTERLEAVED = 3;
export const EINTR = 4;
export const EAGAIN = 11;
export const EPIPE = 32;

export type AlsaLibrary = ReturnType<typeof bind>;

let library: AlsaLibrary | undefined;

/** Throws `SoundError` when the system has no libasound. */
export function loadAlsa(): AlsaLibrary {
  library ??= bind(open());
  return library;
}

function open(): ReturnType<typeof koffi.load> {
  try {
    // The soname is the same on Debian 12 and 13; `t64` is only in the package's name.
    return koffi.load('libasound.so.2');
  } catch (cause) {
    const mend = 'apt-get install libasound2t64 (Debian 12: libasound2)';
    throw new SoundError('sound-library', `Cannot load libasound.so.2: ${mend}`, { cause });
  }
}

function bind(lib: ReturnType<typeof koffi.load>) {
  const bound = {
    open: lib.func('int snd_pcm_open(_Out_ void **pcm, const char *name, int stream, int mode)'),
    close: lib.func('int snd_pcm_close(void *pcm)'),
    drop: lib.func('int snd_pcm_drop(void *pcm)'),
    strerror: lib.func('const char *snd_strerror(int error)'),
    hwMalloc: lib.func('int snd_pcm_hw_params_malloc(_Out_ void **params)'),
    hwFree: lib.func('void snd_pcm_hw_params_free(void *params)'),
    hwAny: lib.func('int snd_pcm_hw_params_any(void *pcm, void *params)'),
    hwResample: lib.func('int snd_pcm_hw_params_set_rate_resample(void *pcm, void *params, unsigned int on)'),
    hwAccess: lib.func('int snd_pcm_hw_params_set_access(void *pcm, void *params, int access)'),
    hwFormat: lib.func('int snd_pcm_hw_params_set_format(void *pcm, void *params, int format)'),
    hwChannels: lib.func('int snd_pcm_hw_params_set_channels(void *pcm, void *params, unsigned int channels)'),
    hwChannelsNear: lib.func('int snd_pcm_hw_params_set_channels_near(void *pcm, void *params, void *channels)'),
    hwRate: lib.func('int snd_pcm_hw_params_set_rate(void *pcm, void *params, unsigned int rate, int dir)'),
    hwPeriodNear: lib.func(
      'int snd_pcm_hw_params_set_period_size_near(void *pcm, void *params, void *frames, void *dir)',
    ),
    hwBufferNear: lib.func('int snd_pcm_hw_params_set_buffer_size_near(void *pcm, void *params, void *frames)'),
    hwParams: lib.func('int snd_pcm_hw_params(void *pcm, void *params)'),
    swMalloc: lib.func('int snd_pcm_sw_params_malloc(_Out_ void **params)'),
    swFree: lib.func('void snd_pcm_sw_params_free(void *params)'),
    swCurrent: lib.func('int snd_pcm_sw_params_current(void *pcm, void *params)'),
    swStart: lib.func('int snd_pcm_sw_params_set_start_threshold(void *pcm, void *params, unsigned long frames)'),
    swAvailMin: lib.func('int snd_pcm_sw_params_set_avail_min(void *pcm, void *params, unsigned long frames)'),
    swParams: lib.func('int snd_pcm_sw_params(void *pcm, void *params)'),
    start: lib.func('int snd_pcm_start(void *pcm)'),
    wait: lib.func('int snd_pcm_wait(void *pcm, int timeout)'),
    avail: lib.func('long snd_pcm_avail(void *pcm)'),
    /** `frames`: a `long *`; on every board its low half is the first Int32. */
    delay: lib.func('int snd_pcm_delay(void *pcm, void *frames)'),
    recover: lib.func('int snd_pcm_recover(void *pcm, int error, int silent)'),
    read: lib.func('long snd_pcm_readi(void *pcm, void *frames, unsigned long count)'),
    write: lib.func('long snd_pcm_writei(void *pcm, void *frames, unsigned long count)'),
  };
  silence(lib);
  return bound;
}

/**
 * libasound prints what it dislikes on stderr; the same comes back as an error code that we log with its context. A handler that
 * does nothing is any C function that ignores its arguments: a JavaScript one could be called from a thread that is not ours.
 */
function silence(lib: ReturnType<typeof koffi.load>): void {
  const setHandler = lib.func('int snd_lib_error_set_handler(void *handler)');
  setHandler(koffi.load(null).symbol('getpid'));
}

/** The message of an ALSA result below 0: `No such device (-19)`. */
export function alsaMessage(alsa: AlsaLibrary, result: number): string {
  return `${alsa.strerror(result)} (${result})`;
}
