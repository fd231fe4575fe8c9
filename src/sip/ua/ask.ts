/** A request that is sent again with credentials when it is challenged, RFC 3261 §22.2, §22.3. */
import type { Hop, SipRequest } from '../message/index.ts';
import type { Composed } from '../transaction/index.ts';
import type { Account } from './account.ts';
import type { Core, Handler } from './core.ts';
import type { Attempts } from './credentials.ts';

export interface Asking {
  /** Makes the request anew, each time with the next CSeq number. */
  make: () => SipRequest;
  hop: Hop;
  /** Whose credentials may be used: only when `hop` leads to one of its servers, and those of that server. */
  account: Account | undefined;
  /** False: nobody cares any more, and a challenge is heard like any refusal. Absent: somebody does. */
  wanted?: () => boolean;
  /** The first request, as `composeFirst` made it of all this. */
  first?: First;
  /** Hears everything but the challenges that were answered. */
  handler: Handler;
}

/** A request, and what goes out of it. */
export interface First {
  readonly request: SipRequest;
  readonly composed: Composed;
}

/** The first request, before it is wanted; undefined: it is too large for a datagram. */
export function composeFirst(
  core: Core,
  { make, hop, account }: Pick<Asking, 'make' | 'hop' | 'account'>,
): First | undefined {
  const request = make();
  account?.credentialsFor(hop)?.apply(request);
  const composed = core.compose(request, hop);
  return composed && { request, composed };
}

export function ask(core: Core, asking: Asking, now: number): void {
  const { hop, handler } = asking;
  const credentials = asking.account?.credentialsFor(hop);
  const attempts: Attempts = new Map();
  const send = (at: number): void => {
    const request = asking.make();
    credentials?.apply(request);
    core.send(request, hop, { ...handler, response }, at);
  };
  const response: Handler['response'] = (answer, from, at) => {
    const challenged = answer.status === 401 || answer.status === 407;
    const wanted = asking.wanted?.() ?? true;
    if (challenged && wanted && credentials?.learn(answer, attempts) === true) send(at);
    else handler.response(answer, from, at);
  };
  const { first } = asking;
  if (first === undefined) send(now);
  else core.begin(first.request, hop, { ...handler, response }, now, first.composed);
}
