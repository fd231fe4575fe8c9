/** What the transport says when an address cannot be bound, reached or found. */
import { CodedError } from '../../base/index.ts';

export class TransportError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super('sip-transport', message, options);
  }
}

/** `EADDRINUSE` of a system error, else its message. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? String(error);
}

/** Waits for all, and only then throws the first failure: nothing is left half-done behind the caller's back. */
export async function allDone(tasks: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected') throw result.reason;
}
