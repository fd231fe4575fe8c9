/** The causes of ITU-T Q.850 that telephone systems give in a Reason header (RFC 3326), in words. */

const CAUSES: Readonly<Record<number, string>> = {
  1: 'unallocated number',
  3: 'no route to destination',
  16: 'normal call clearing',
  17: 'user busy',
  18: 'no user responding',
  19: 'no answer from user',
  21: 'call rejected',
  26: 'answered elsewhere',
  27: 'destination out of order',
  28: 'invalid number',
  31: 'normal, unspecified',
  34: 'no circuit available',
  38: 'network out of order',
  41: 'temporary failure',
  42: 'switching equipment congestion',
  58: 'bearer capability not available',
  88: 'incompatible destination',
  102: 'recovery on timer expiry',
  127: 'interworking, unspecified',
};

/** `Q.850;cause=16` with its words behind it; what brings a text of its own, or is none of these, as it is. */
export function withCause(reason: string): string {
  const code = /^\s*Q\.850\s*;\s*cause\s*=\s*(\d{1,3})\s*$/i.exec(reason)?.[1];
  const words = code === undefined ? undefined : CAUSES[Number(code)];
  return words === undefined ? reason : `${reason} (${words})`;
}
