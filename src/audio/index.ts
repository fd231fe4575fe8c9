/**
 * Sound as arithmetic: mono s16 in the caller's arrays, the count always an argument, nothing allocated per frame. Knows no
 * RTP and no device. Formats and measured figures: `README.md` here.
 */
export { Agc } from './agc.ts';
export { Ambient } from './ambient.ts';
export { Audibility, type Audible } from './audible.ts';
export { type Acoustics, BANDS_HZ, makeChirp, measureChirp } from './chirp.ts';
export { CodecError, type CodecFormat, type Decoder, type Encoder } from './codec.ts';
export { makeDecoder, makeEncoder, type Pauses } from './codecs.ts';
export { ComfortNoise } from './comfort.ts';
export { Concealer } from './concealment.ts';
export { DtmfDetector, DtmfTones } from './dtmf-tones.ts';
export { Duplex } from './duplex.ts';
export { EchoCanceller } from './echo/canceller.ts';
export { SampleFifo } from './fifo.ts';
export { HighPass } from './high-pass.ts';
export { Interpolator } from './interpolator.ts';
export { gainOf, rmsDbfs, volumeGain } from './level.ts';
export { Loudness, type LoudnessConfig } from './loudness.ts';
export { Limiter, Mixer } from './mixer.ts';
export { NoiseSuppressor } from './noise.ts';
export { isOgg, parseOggOpus } from './ogg-opus.ts';
export { missingOpus } from './opus-library.ts';
export { Resampler } from './resampler.ts';
export { SteeredResampler } from './steered.ts';
export { TimeScale } from './timescale.ts';
export { Tone, type ToneName } from './tones.ts';
export { COUNTRY_TONES, type Country } from './tones-of-countries.ts';
export { formatWavHeader, parseWav, WAV_HEADER_BYTES, type Wav } from './wav.ts';
