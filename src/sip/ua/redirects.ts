/**
 * Where else a call of ours is to go when it is redirected, RFC 3261 §8.1.3.4: one target after the other, the best first,
 * none twice, and not for ever. Who is redirected by whom is the business of `OutgoingCall`.
 */
import { equalUris, type Params, readOr, type SipResponse, type SipUri } from '../message/index.ts';

/** Targets of redirections that one call follows, when the configuration says nothing. */
const REDIRECTS = 5;
/** A redirected call that is redirected again and again, so often. */
const REDIRECT_DEPTH_MAX = 3;
/** §21.3: of 305 and 380 the Contact is no other place of the one who is called. */
const FOLLOWED: ReadonlySet<number> = new Set([300, 301, 302]);

export interface Target {
  uri: SipUri;
  /** Who sent us there. */
  by: string;
  status: number;
  depth: number;
}

export class Redirects {
  readonly #known: SipUri[];
  readonly #secure: boolean;
  #left: number;
  #waiting: Target[] = [];
  #depth = 0;

  /** `first`: whom the call was for. `max`: 0 follows nothing. */
  constructor(first: SipUri, max: number = REDIRECTS) {
    this.#known = [first];
    this.#secure = first.scheme === 'sips';
    this.#left = max;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The Contacts of a 3xx to a request for `by`. True: there are new ones among them. */
  take(response: SipResponse, by: string): boolean {
    const { status } = response;
    if (!FOLLOWED.has(status) || this.#depth >= REDIRECT_DEPTH_MAX) return false;
    const found: (Target & { q: number })[] = [];
    for (const { uri, params } of contactsOf(response)) {
      if (this.#left <= 0) break;
      // §26.2.2: who was to be called over TLS from end to end is not called otherwise.
      if (uri.scheme !== 'sips' && (uri.scheme !== 'sip' || this.#secure)) continue;
      const bare = targetOf(uri);
      if (this.#known.some((known) => equalUris(known, bare))) continue;
      this.#known.push(bare);
      this.#left--;
      found.push({ uri: bare, by, status, depth: this.#depth + 1, q: qOf(params.get('q')) });
    }
    found.sort((a, b) => b.q - a.q);
    this.#waiting.unshift(...found);
    return found.length > 0;
  }

  next(): Target | undefined {
    const target = this.#waiting.shift();
    if (target !== undefined) this.#depth = target.depth;
    return target;
  }
}

/** What cannot be read leads nowhere. */
function contactsOf(response: SipResponse): { uri: SipUri; params: Params }[] {
  return readOr([], () => response.contacts.map(({ uri, params }) => ({ uri, params })));
}

/** §19.1.5: neither the method nor the header fields that others would like to see in our INVITE. */
function targetOf(uri: SipUri): SipUri {
  const params = new Map(uri.params);
  params.delete('method');
  return { ...uri, password: undefined, params, headers: [] };
}

/** §20.10: without `q` it is as good as any; what is no number is last. */
function qOf(value: string | null | undefined): number {
  if (value === undefined || value === null) return 1;
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(value) ? Number(value) : 0;
}
