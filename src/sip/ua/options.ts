/** Answers to OPTIONS, RFC 3261 §11.2. */
import { createResponse, type SipRequest, type SipResponse } from '../message/index.ts';
import { statelessTag } from './gate.ts';
import { ACCEPT, ALLOW, type HeaderField, SUPPORTED } from './headers.ts';
import { inspect } from './inspect.ts';
import { ALLOW_EVENTS } from './subscription.ts';

/** What we can do. */
export function abilities(request: SipRequest, product: string): SipResponse {
  const headers: HeaderField[] = [
    ALLOW,
    ACCEPT,
    ['Accept-Encoding', 'identity'],
    ['Accept-Language', 'en'],
    SUPPORTED,
    ALLOW_EVENTS,
    ['Server', product],
  ];
  return createResponse(request, 200, undefined, { headers, toTag: statelessTag(request) });
}

/** The whole answer to one outside a dialog, which makes no transaction (§8.2.7): who asks often costs no memory. */
export function answerProbe(request: SipRequest, product: string): SipResponse {
  const refusal = inspect(request);
  if (refusal === undefined) return abilities(request, product);
  const { status, reason, headers = [] } = refusal;
  return createResponse(request, status, reason, {
    headers: [...headers, ['Server', product]],
    toTag: statelessTag(request),
  });
}
