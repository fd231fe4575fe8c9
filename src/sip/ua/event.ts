/** The header fields of RFC 6665 that every event machine reads: Event, Subscription-State, Expires. */
import type { SipMessage } from '../message/index.ts';

export interface EventName {
  /** The package, lower-case: `dialog`, `check-sync`. */
  name: string;
  /** Tells two subscriptions in one dialog apart (§4.5.2); each NOTIFY says it again. */
  id?: string;
  /** `;name=value` of the vendors, lower-case: `reboot` -> `true`. */
  params: ReadonlyMap<string, string>;
}

/** More than these parameters nobody needs. */
const PARAMS_MAX = 8;

/** §8.2.1. Undefined: there is no Event header field, or it names nothing. */
export function eventOf(message: SipMessage): EventName | undefined {
  const [name = '', ...rest] = (message.header('Event') ?? '').split(';', PARAMS_MAX + 1);
  if (!/^[\w.!%*+`'~-]{1,64}$/.test(name.trim())) return undefined;
  const params = readParams(rest);
  return { name: name.trim().toLowerCase(), id: params.get('id'), params };
}

export interface SubscriptionState {
  state: string;
  reason?: string;
  expiresMs?: number;
  retryAfterMs?: number;
}

/** §8.2.3. A NOTIFY without it is taken for `active`: some senders forget it. */
export function subscriptionStateOf(message: SipMessage): SubscriptionState {
  const [state = '', ...rest] = (message.header('Subscription-State') ?? 'active').split(';', PARAMS_MAX + 1);
  const params = readParams(rest);
  return {
    state: state.trim().toLowerCase(),
    reason: params.get('reason')?.toLowerCase(),
    expiresMs: milliseconds(params.get('expires')),
    retryAfterMs: milliseconds(params.get('retry-after')),
  };
}

function readParams(parts: readonly string[]): Map<string, string> {
  const params = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : part.slice(equals + 1).trim();
    if (/^[\w.-]{1,32}$/.test(name) && /^[\w.!%*+`'~-]{0,64}$/.test(value)) params.set(name, value);
  }
  return params;
}

const milliseconds = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) * 1_000 : undefined;
