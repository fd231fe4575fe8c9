/** The real randomness of the service: the kernel's. */
import { randomBytes, randomFillSync } from 'node:crypto';
import type { Random } from '../base/index.ts';
import { type DtlsIdentity, makeIdentity } from '../rtp/index.ts';

/** Names and numbers are drawn from so many octets at a time: a call takes a dozen, and each asking costs some 20 µs. */
const POOL_BYTES = 1024;

function pooled(): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let at = POOL_BYTES;
  const take = (count: number): Buffer => {
    if (at + count > POOL_BYTES) {
      randomFillSync(pool);
      at = 0;
    }
    at += count;
    return pool.subarray(at - count, at);
  };
  return {
    token: () => take(10).toString('hex'),
    uint32: () => take(4).readUInt32LE(),
  };
}

export const systemRandom: Random = pooled();

/** For keys. */
export const secretBytes = (count: number): Uint8Array => randomBytes(count);

let identity: DtlsIdentity | undefined;

/** Who we are in DTLS for as long as the service runs: made when the first call asks for it. */
export function dtlsIdentity(): DtlsIdentity {
  identity ??= makeIdentity(randomBytes(12));
  return identity;
}
