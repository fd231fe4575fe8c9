/** The real randomness of the service: the kernel's. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../base/index.ts';
import { type DtlsIdentity, makeIdentity } from '../rtp/index.ts';

export const systemRandom: Random = {
  token: () => randomBytes(10).toString('hex'),
  uint32: () => randomBytes(4).readUInt32LE(),
};

/** For keys. */
export const secretBytes = (count: number): Uint8Array => randomBytes(count);

let identity: DtlsIdentity | undefined;

/** Who we are in DTLS for as long as the service runs: made when the first call asks for it. */
export function dtlsIdentity(): DtlsIdentity {
  identity ??= makeIdentity(randomBytes(12));
  return identity;
}
