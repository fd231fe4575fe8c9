/** Talks in which no packet comes any more: for how long that is borne, and who is asked whether he is still there. */
import type { Call } from './call.ts';

/** A talk without a single packet for so long is over: the other side has lost its power or its network. */
const mediaLostMs = 30_000;
/** As long when its server is gone as well: then it is no operator with a closed microphone. */
const mediaLostWithServerMs = 10_000;
/**
 * A telephone without a PBX between us is asked whether it is there after so long, and again: it may be mute, and send
 * nothing then. So is who holds us and plays no music.
 */
const doubtfulMs = 10_000;

/** `lost`: accounts whose servers do not answer. `'ask'` is remembered in the call. */
export function judgeSilence(
  call: Call,
  silentMs: number,
  lost: ReadonlySet<string>,
  now: number,
): 'bear' | 'ask' | 'over' {
  if (call.account !== undefined && !call.heldByPeer)
    return silentMs >= (lost.has(call.account) ? mediaLostWithServerMs : mediaLostMs) ? 'over' : 'bear';
  if (silentMs < doubtfulMs || now - (call.doubtedAtMs ?? Number.NEGATIVE_INFINITY) < doubtfulMs) return 'bear';
  call.doubtedAtMs = now;
  return 'ask';
}
