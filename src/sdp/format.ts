/** `Sdp` to text, in the order RFC 8866 §5 demands. */
import type { Attribute, Connection, Line, Sdp } from './description.ts';

/** Where a session line belongs; `o=`, `s=`, `c=` and `a=` have places of their own. */
const BEFORE_CONNECTION = 'iuep';

export function formatSdp(sdp: Sdp): string {
  const { origin } = sdp;
  const out: string[] = ['v=0'];
  out.push(
    `o=${origin.username} ${origin.sessionId} ${origin.version} IN ${origin.family} ${origin.host}`,
    `s=${sdp.sessionName === '' ? '-' : sdp.sessionName}`,
  );
  body(out, sdp);
  // RFC 8866 §5.9: exactly the line that says "now and for ever" when nothing else is said.
  if (!sdp.lines.some((line) => line.type === 't')) out.push('t=0 0');
  attributes(out, sdp.attributes);
  for (const medium of sdp.media) {
    out.push(`m=${medium.kind} ${medium.port} ${medium.protocol} ${medium.formats.join(' ')}`);
    body(out, medium);
    attributes(out, medium.attributes);
  }
  return `${out.join('\r\n')}\r\n`;
}

function body(out: string[], part: { lines: readonly Line[]; connection?: Connection }): void {
  for (const line of part.lines) if (BEFORE_CONNECTION.includes(line.type)) out.push(`${line.type}=${line.value}`);
  if (part.connection !== undefined) out.push(`c=IN ${part.connection.family} ${part.connection.host}`);
  for (const line of part.lines) if (!BEFORE_CONNECTION.includes(line.type)) out.push(`${line.type}=${line.value}`);
}

function attributes(out: string[], list: readonly Attribute[]): void {
  for (const { name, value } of list) out.push(value === undefined ? `a=${name}` : `a=${name}:${value}`);
}
