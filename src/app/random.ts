/** The real randomness of the service: the kernel's. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../base/index.ts';

export const systemRandom: Random = {
  token: () => randomBytes(10).toString('hex'),
  uint32: () => randomBytes(4).readUInt32LE(),
};

/** For keys. */
export const secretBytes = (count: number): Uint8Array => randomBytes(count);
