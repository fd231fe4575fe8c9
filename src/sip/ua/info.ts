/** INFO of the old kind (RFC 6086 §1, RFC 2976): one after the other, for two under way may arrive in the wrong order. */
import type { Talk } from './talk.ts';
import type { Body } from './types.ts';

/** One that is refused, or gets no answer, ends the row: what came after it would mean something else. */
export function inform(talk: Talk, [body, ...rest]: readonly Body[], now: number): void {
  if (body === undefined) return;
  const headers = [
    ['Content-Type', body.contentType],
    ['User-Agent', talk.context.core.config.product],
  ] as const;
  const handler = {
    response: ({ status }: { status: number }, _hop: unknown, at: number) => {
      if (status >= 200 && status < 300) inform(talk, rest, at);
    },
    failed: () => {},
  };
  talk.send('INFO', headers, body.bytes, handler, now);
}
