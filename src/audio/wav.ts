/** WAV files (RIFF/WAVE): read any plain one into mono samples, write 16-bit mono. */
import { CodedError } from '../base/index.ts';
import { alaw, ulaw } from './g711.ts';

export class WavSyntaxError extends CodedError {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super('wav-syntax', message);
    this.offset = offset;
  }
}

export interface Wav {
  rateHz: number;
  /** Of the file; `samples` are mixed down to one. */
  channels: number;
  samples: Int16Array;
}

export const WAV_HEADER_BYTES = 44;
const PCM = 1;
const FLOAT = 3;
const ALAW = 6;
const ULAW = 7;
const EXTENSIBLE = 0xfffe;
const MAX_CHANNELS = 64;

interface Format {
  tag: number;
  channels: number;
  rateHz: number;
  bits: number;
}

/** Reads PCM of 8, 16, 24 and 32 bits, float of 32 and 64, A-law and µ-law, of any rate. A cut-off file gives what is there. */
export function parseWav(bytes: Uint8Array): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // RF64 (EBU Tech 3306) only says elsewhere how long it is; it is read to its end.
  if (bytes.length < 12 || !['RIFF', 'RF64'].includes(text(bytes, 0)) || text(bytes, 8) !== 'WAVE')
    throw new WavSyntaxError('Cannot read WAV: it does not begin with RIFF and WAVE', 0);
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = text(bytes, at);
    // Writers that never came to their end leave 0 or 0xffffffff as the size of the data.
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name === 'fmt ') format = parseFormat(view, start, Math.min(size, bytes.length - start));
    if (name === 'data') {
      if (format === undefined) throw new WavSyntaxError('Cannot read WAV: "data" comes before "fmt "', at);
      const end = size === 0 || start + size > bytes.length ? bytes.length : start + size;
      return { rateHz: format.rateHz, channels: format.channels, samples: mixDown(view, start, end, format) };
    }
    at = start + size + (size & 1);
  }
  throw new WavSyntaxError('Cannot read WAV: there is no "data" chunk', bytes.length);
}

/** The 44 bytes before `dataBytes` bytes of mono s16. */
export function formatWavHeader(rateHz: number, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(WAV_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('RIFF'), 0);
  view.setUint32(4, Math.min(0xffffffff, WAV_HEADER_BYTES - 8 + dataBytes), true);
  bytes.set(new TextEncoder().encode('WAVEfmt '), 8);
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, rateHz * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  bytes.set(new TextEncoder().encode('data'), 36);
  view.setUint32(40, Math.min(0xffffffff, dataBytes), true);
  return bytes;
}

function parseFormat(view: DataView, at: number, size: number): Format {
  if (size < 16) throw new WavSyntaxError(`Cannot read WAV: "fmt " has ${size} bytes, at least 16 are needed`, at);
  let tag = view.getUint16(at, true);
  if (tag === EXTENSIBLE && size >= 26) tag = view.getUint16(at + 24, true);
  const channels = view.getUint16(at + 2, true);
  const rateHz = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  const known =
    (tag === PCM && [8, 16, 24, 32].includes(bits)) ||
    (tag === FLOAT && (bits === 32 || bits === 64)) ||
    ((tag === ALAW || tag === ULAW) && bits === 8);
  if (!known) throw new WavSyntaxError(`Cannot read WAV: format ${tag} with ${bits} bits is not supported`, at);
  if (channels < 1 || channels > MAX_CHANNELS || rateHz < 1000 || rateHz > 768_000)
    throw new WavSyntaxError(`Cannot read WAV: ${channels} channels at ${rateHz} Hz`, at);
  return { tag, channels, rateHz, bits };
}

function mixDown(view: DataView, start: number, end: number, format: Format): Int16Array {
  const bytesEach = format.bits / 8;
  const read = reader(view, format);
  const frames = Math.floor((end - start) / (bytesEach * format.channels));
  const samples = new Int16Array(frames);
  for (let frame = 0, at = start; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < format.channels; channel++, at += bytesEach) sum += read(at);
    samples[frame] = Math.max(-32768, Math.min(32767, Math.round(sum / format.channels)));
  }
  return samples;
}

/** One sample at a byte, in units of s16. */
function reader(view: DataView, { tag, bits }: Format): (at: number) => number {
  if (tag === FLOAT && bits === 64) return (at) => view.getFloat64(at, true) * 32768;
  if (tag === FLOAT) return (at) => view.getFloat32(at, true) * 32768;
  if (tag === ALAW || tag === ULAW) {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
    const table = new Int16Array(256);
    (tag === ALAW ? alaw : ulaw).decode(codes, 0, 256, table, 0);
    return (at) => table[view.getUint8(at)];
  }
  if (bits === 8) return (at) => (view.getUint8(at) - 128) * 256;
  if (bits === 16) return (at) => view.getInt16(at, true);
  if (bits === 24) return (at) => view.getInt16(at + 1, true) + view.getUint8(at) / 256;
  return (at) => view.getInt32(at, true) / 65536;
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
