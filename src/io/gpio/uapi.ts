/**
 * The structures of the GPIO character device, uAPI v2 (linux/gpio.h since Linux 5.10), to and from bytes. They are
 * padded to 64 bits, so 32-bit and 64-bit processes have the same layout. Little-endian, like every board we run on.
 *
 *   gpio_v2_line_request, 592 bytes
 *   0     offsets[64] u32 -+- consumer[32] -+- config, 272 bytes ------------------- -+- num_lines  event_buffer  pad  fd
 *   0                     256              288 flags u64, 296 num_attrs, 320 attrs    560          564               588
 *
 *   gpio_v2_line_config_attribute, 24 bytes, ten of them from 320
 *   0 id u32, 4 pad, 8 union { flags u64 | values u64 | debounce_period_us u32 }, 16 mask u64 (bit n: the n-th line)
 */

/** _IOR/_IOWR numbers: direction, size, 0xB4, number. */
export const GET_CHIPINFO = 0x8044_b401;
export const GET_LINEINFO = 0xc100_b405;
export const GET_LINE = 0xc250_b407;
export const GET_VALUES = 0xc010_b40e;
export const SET_VALUES = 0xc010_b40f;

const FLAG_USED = 1n << 0n;
const FLAG_ACTIVE_LOW = 1n << 1n;
const FLAG_INPUT = 1n << 2n;
const FLAG_OUTPUT = 1n << 3n;
const FLAG_EDGE_RISING = 1n << 4n;
const FLAG_EDGE_FALLING = 1n << 5n;
const FLAG_BIAS = { 'pull-up': 1n << 8n, 'pull-down': 1n << 9n, disabled: 1n << 10n } as const;

const ATTRIBUTE_OUTPUT_VALUES = 2;
const ATTRIBUTE_DEBOUNCE = 3;

const EVENT_BYTES = 48;
const EVENT_RISING = 1;

export const CHIP_INFO_BYTES = 68;
const LINE_INFO_BYTES = 256;
/** Events read at once; the kernel is asked to keep as many, and drops the oldest when we are too slow. */
const EVENTS_CAP = 64;
export const EVENTS_BYTES = EVENTS_CAP * EVENT_BYTES;

export interface ChipInfo {
  /** `gpiochip0` */
  name: string;
  /** `pinctrl-bcm2711` */
  label: string;
  lines: number;
}

export interface LineInfo {
  /** Empty when the board's maker gave none. */
  name: string;
  /** Who holds it; may be empty though it is used. */
  consumer: string;
  used: boolean;
}

export interface LineRequest {
  offset: number;
  activeLow: boolean;
  use:
    | { kind: 'input'; bias?: 'pull-up' | 'pull-down' | 'disabled'; debounceUs: number }
    /** `on`: the value from the very start, so that a relay does not click. */
    | { kind: 'output'; on: boolean };
}

export interface LineEvent {
  /** Active in the sense of the request: a rising edge of an active-low line is its fall. */
  active: boolean;
  /** CLOCK_MONOTONIC */
  atNs: bigint;
  /** Counts the events of this line; a gap means that the kernel dropped some. */
  sequence: number;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A fixed field of 32 bytes, NUL-terminated. */
function text(bytes: Uint8Array, offset: number): string {
  const field = bytes.subarray(offset, offset + 32);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

export function decodeChipInfo(bytes: Uint8Array): ChipInfo {
  return { name: text(bytes, 0), label: text(bytes, 32), lines: view(bytes).getUint32(64, true) };
}

/** What GET_LINEINFO wants to be given: an empty structure with the offset filled in. */
export function encodeLineInfo(offset: number): Uint8Array {
  const bytes = new Uint8Array(LINE_INFO_BYTES);
  view(bytes).setUint32(64, offset, true);
  return bytes;
}

export function decodeLineInfo(bytes: Uint8Array): LineInfo {
  const flags = view(bytes).getBigUint64(72, true);
  return { name: text(bytes, 0), consumer: text(bytes, 32), used: (flags & FLAG_USED) !== 0n };
}

export function encodeLineRequest(request: LineRequest, consumer: string): Uint8Array {
  const bytes = new Uint8Array(592);
  const data = view(bytes);
  data.setUint32(0, request.offset, true);
  bytes.set(new TextEncoder().encode(consumer).subarray(0, 31), 256);
  let flags = request.activeLow ? FLAG_ACTIVE_LOW : 0n;
  const { use } = request;
  if (use.kind === 'input') {
    flags |= FLAG_INPUT | FLAG_EDGE_RISING | FLAG_EDGE_FALLING;
    if (use.bias !== undefined) flags |= FLAG_BIAS[use.bias];
    data.setUint32(564, EVENTS_CAP, true);
  } else {
    flags |= FLAG_OUTPUT;
  }
  data.setBigUint64(288, flags, true);
  // One attribute at most: the debounce of an input, or the first value of an output; the mask has our only line.
  if (use.kind === 'output' || use.debounceUs > 0) {
    data.setUint32(296, 1, true);
    data.setUint32(320, use.kind === 'output' ? ATTRIBUTE_OUTPUT_VALUES : ATTRIBUTE_DEBOUNCE, true);
    if (use.kind === 'output') data.setBigUint64(328, use.on ? 1n : 0n, true);
    else data.setUint32(328, use.debounceUs, true);
    data.setBigUint64(336, 1n, true);
  }
  data.setUint32(560, 1, true);
  return bytes;
}

/** The descriptor that GET_LINE left in its request. */
export function lineDescriptor(bytes: Uint8Array): number {
  return view(bytes).getInt32(588, true);
}

/** gpio_v2_line_values of the only line of a request: bits u64, mask u64. */
export function encodeValues(on: boolean): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = on ? 1 : 0;
  bytes[8] = 1;
  return bytes;
}

export function decodeValues(bytes: Uint8Array): boolean {
  return (bytes[0] & 1) === 1;
}

/** Whole events of a read: timestamp_ns u64, id u32, offset u32, seqno u32, line_seqno u32, padding. */
export function decodeEvents(bytes: Uint8Array): LineEvent[] {
  const data = view(bytes);
  const events: LineEvent[] = [];
  for (let at = 0; at + EVENT_BYTES <= bytes.length; at += EVENT_BYTES) {
    events.push({
      active: data.getUint32(at + 8, true) === EVENT_RISING,
      atNs: data.getBigUint64(at, true),
      sequence: data.getUint32(at + 20, true),
    });
  }
  return events;
}
