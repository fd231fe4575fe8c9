/** Counters that wrap: RTP sequence numbers (16 bits), RTP timestamps and SSRCs (32 bits). */
export const uint16 = (value: number): number => value & 0xffff;
export const uint32 = (value: number): number => value >>> 0;

/** How far `a` is ahead of `b`, the short way round: -32768 .. 32767. */
export const uint16Diff = (a: number, b: number): number => ((a - b) << 16) >> 16;

/** How far `a` is ahead of `b`, the short way round: -2^31 .. 2^31 - 1. */
export const uint32Diff = (a: number, b: number): number => (a - b) | 0;
