/**
 * Session timers, RFC 4028: a session is refreshed at half its interval by one of the two, and one that is not refreshed
 * ends. Who refreshes is agreed anew with each INVITE and UPDATE; the 422 of a request that asks for too little is
 * `inspect`'s.
 */
import { Timers } from '../../base/index.ts';
import type { SipMessage, SipRequest, SipResponse } from '../message/index.ts';
import type { HeaderField } from './headers.ts';

/** The least interval we take, s: that of §5. */
const MIN_SE_S = 90;
/** What we ask for, s, when the configuration says nothing; and the most we grant to who asks for more. */
const SESSION_EXPIRES_S = 1_800;
/** An interval beyond a day is no guard any more: it is said as agreed, and not waited for. */
const INTERVAL_MAX_S = 86_400;
/** Less than this, granted against §5, is waited for all the same: nobody is asked in a storm. */
const INTERVAL_MIN_S = 30;
/** How often a 422 is followed by asking for more; then for nothing. */
const RAISES_MAX = 3;
/** Who has wished to be refreshed this often, s, is guarded enough. */
const CLOSE_S = 120;
/** A refresh that failed is tried again no sooner. */
const RETRY_MIN_MS = 5_000;

/** Session-Expires (§4); one that cannot be read is none. */
function sessionExpiresOf(message: SipMessage): { seconds: number; refresher?: 'uac' | 'uas' } | undefined {
  const found = /^\s*(\d{1,10})\s*(?:;|$)/.exec(message.header('Session-Expires') ?? '');
  if (found === null) return undefined;
  const refresher = /;\s*refresher\s*=\s*(ua[cs])\b/i.exec(message.header('Session-Expires') ?? '')?.[1].toLowerCase();
  return { seconds: Number(found[1]), ...(refresher !== undefined && { refresher: refresher as 'uac' | 'uas' }) };
}

const supportsTimer = (message: SipMessage): boolean =>
  [...message.list('Supported'), ...message.list('Require')].some((tag) => tag.toLowerCase() === 'timer');

/** §5: seconds; absent or unreadable: 0. */
const minSeOf = (message: SipMessage): number =>
  Number(/^\s*(\d{1,10})\s*(?:;|$)/.exec(message.header('Min-SE') ?? '')?.[1] ?? 0);

/** §9: why the request cannot be served: it asks for less than we take, and would understand that. */
export function refuseInterval(request: SipRequest): { status: number; headers: readonly HeaderField[] } | undefined {
  if (request.method !== 'INVITE' && request.method !== 'UPDATE') return undefined;
  const asked = sessionExpiresOf(request);
  if (asked === undefined || asked.seconds >= MIN_SE_S || !supportsTimer(request)) return undefined;
  return { status: 422, headers: [['Min-SE', String(MIN_SE_S)]] };
}

export class SessionTimer {
  readonly #timers = new Timers<'refresh' | 'expired'>();
  /** What our requests ask for, s; 0: nothing. */
  #wantedS: number;
  /** The largest Min-SE heard, s. */
  #minS = 0;
  #raises = 0;
  /** The agreed interval, s, and whether we are the one who refreshes; absent: the session lasts for ever. */
  #agreed: { seconds: number; ours: boolean } | undefined;
  #expiresAt = 0;

  /** `wantedS`: 0 asks for no timer, but grants one. */
  constructor(wantedS: number = SESSION_EXPIRES_S) {
    this.#wantedS = wantedS;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** The other side's wish has made the interval so short that a silent talk needs no question in between. */
  get close(): boolean {
    return this.#agreed !== undefined && this.#agreed.seconds <= Math.min(CLOSE_S, this.#wantedS - 1);
  }

  /** A dialog made by a request of this one goes on with what was learnt. */
  fork(): SessionTimer {
    const timer = new SessionTimer(this.#wantedS);
    timer.#minS = this.#minS;
    return timer;
  }

  /** §7.1, §7.4: header fields of an INVITE or UPDATE of ours. */
  asking(): HeaderField[] {
    const seconds = Math.max(this.#agreed?.seconds ?? this.#wantedS, this.#minS);
    if (this.#wantedS === 0 && this.#agreed === undefined) return [];
    // In the first request the other side chooses; later on who refreshes goes on.
    const refresher = this.#agreed === undefined ? '' : `;refresher=${this.#agreed.ours ? 'uac' : 'uas'}`;
    const fields: HeaderField[] = [['Session-Expires', `${seconds}${refresher}`]];
    if (this.#minS > 0) fields.push(['Min-SE', String(this.#minS)]);
    return fields;
  }

  /** §7.3: a 422 to our request. True: asking again will do. */
  raise(response: SipResponse): boolean {
    const minS = minSeOf(response);
    if (++this.#raises > RAISES_MAX || minS <= this.#minS || minS > INTERVAL_MAX_S) {
      // Asked in vain, or for nonsense: a session without end is better than none.
      const again = this.#wantedS > 0 || this.#agreed !== undefined;
      this.#wantedS = this.#minS = 0;
      this.#agree(undefined, 0);
      return again;
    }
    this.#minS = minS;
    return true;
  }

  /**
   * §7.2, §7.4: the 2xx to a request of ours says what holds from now on; without Session-Expires nothing does. The other
   * side may have counted since the request came, so it is counted from `sentAt`.
   */
  accepted(response: SipResponse, sentAt: number): void {
    const granted = sessionExpiresOf(response);
    // Who forgets to say who refreshes means the one who asked.
    this.#agree(granted && { seconds: granted.seconds, ours: granted.refresher !== 'uas' }, sentAt);
  }

  /** §9: header fields of our 2xx to their request, by which it holds from now on. */
  answering(request: SipRequest, now: number): HeaderField[] {
    const knows = supportsTimer(request);
    const asked = sessionExpiresOf(request);
    this.#minS = Math.max(this.#minS, Math.min(minSeOf(request), INTERVAL_MAX_S));
    const most = Math.max(this.#agreed?.seconds ?? (this.#wantedS || SESSION_EXPIRES_S), this.#minS, MIN_SE_S);
    // A proxy's wish on behalf of who does not know of it: too small to be refused (§9), too small to be met.
    const tooSmall = asked !== undefined && asked.seconds < MIN_SE_S;
    const unasked = asked === undefined && (!knows || (this.#wantedS === 0 && this.#agreed === undefined));
    if (tooSmall || unasked) {
      this.#agree(undefined, now);
      return [];
    }
    const seconds = Math.min(asked?.seconds ?? most, most);
    // Table 2 of §9. Where we may choose it is us: then no session ends because the other side forgets.
    const uas = !knows || (asked?.refresher ?? (this.#agreed?.ours === false ? 'uac' : 'uas')) === 'uas';
    this.#agree({ seconds, ours: uas }, now);
    const fields: HeaderField[] = [['Session-Expires', `${seconds};refresher=${uas ? 'uas' : 'uac'}`]];
    if (knows) fields.push(['Require', 'timer']);
    return fields;
  }

  /** The session is over. */
  stop(): void {
    this.#agree(undefined, 0);
  }

  /** What is due: the other side is to be asked, or has been waited for in vain (§10). */
  timeout(now: number): 'refresh' | 'expired' | undefined {
    const due = [...this.#timers.due(now)];
    if (due.includes('expired')) {
      this.stop();
      return 'expired';
    }
    if (!due.includes('refresh')) return undefined;
    // Again before the end if this one fails.
    const again = now + Math.max(RETRY_MIN_MS, (this.#expiresAt - now) / 2);
    if (again < this.#expiresAt) this.#timers.set('refresh', again);
    return 'refresh';
  }

  #agree(agreed: { seconds: number; ours: boolean } | undefined, now: number): void {
    this.#timers.clearAll();
    this.#agreed = agreed;
    if (agreed === undefined) return;
    if (agreed.seconds > INTERVAL_MAX_S) return;
    const intervalMs = Math.max(agreed.seconds, INTERVAL_MIN_S) * 1_000;
    // §10: who waits ends it a little before its time; who refreshes may try until then.
    this.#expiresAt = now + intervalMs - (agreed.ours ? 0 : Math.min(32_000, intervalMs / 3));
    this.#timers.set('expired', this.#expiresAt);
    if (agreed.ours) this.#timers.set('refresh', now + intervalMs / 2);
  }
}
