/** `message/sipfrag` as NOTIFY of a REFER carries it: a status line, and whatever else, RFC 3420 §2, RFC 3515 §2.4.5. */

export const SIPFRAG_TYPE = 'message/sipfrag';
/** A status line is shorter; header fields behind it are not read. */
const LINE_MAX = 512;

export interface Outcome {
  status: number;
  reason: string;
}

/** The status line at the beginning of `body`, or undefined: a fragment need not have one. */
export function parseSipfrag(body: Uint8Array): Outcome | undefined {
  const text = Buffer.from(body.subarray(0, LINE_MAX)).toString('utf8');
  const line = /^SIP\/2\.0[ \t]+([1-6]\d\d)(?:[ \t]+([^\r\n]*))?(?:[\r\n]|$)/i.exec(text);
  return line === null ? undefined : { status: Number(line[1]), reason: (line[2] ?? '').trim() };
}

export function formatSipfrag({ status, reason }: Outcome): Uint8Array {
  return new TextEncoder().encode(`SIP/2.0 ${status} ${reason.replace(/[\r\n]+/g, ' ')}\r\n`);
}
