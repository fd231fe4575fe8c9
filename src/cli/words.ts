/** Events and status in words for people at a shell. */
import { printable } from '../base/index.ts';
import type { JournalEvent } from '../journal/index.ts';

/** `2026-01-31 20:15:30.123  press  help by button: calling` */
export function describeEvent(event: JournalEvent): string {
  const time = event.time.replace('T', ' ').replace('Z', '');
  return printable(`${time}  ${event.type.padEnd(12)}  ${eventWords(event)}`);
}

function eventWords(event: JournalEvent): string {
  switch (event.type) {
    case 'press':
      return `${event.button} by ${event.source}: ${event.result}${because(event.reason)}`;
    case 'release':
      return `${event.button} by ${event.source}, held ${event.heldMs} ms`;
    case 'call':
    case 'page': {
      const step = event.step === undefined ? '' : `, step ${event.step}, cycle ${event.cycle}`;
      const where = event.plan ? ` (${event.plan}${step})` : '';
      const end = event.cause ? `: ${event.cause}` : '';
      const length = event.durationMs === undefined ? '' : ` after ${(event.durationMs / 1000).toFixed(1)} s`;
      const moved = event.to === undefined ? '' : ` from ${event.from} to ${event.to}`;
      const heard =
        event.heard === undefined
          ? ''
          : `, heard: ${event.heard ? 'yes' : 'no'}, ${event.overAmbientDb} dB over the surroundings`;
      return `${event.direction} ${event.peer} ${event.state}${moved}${end}${length}${heard}${where}${because(event.reason)}`;
    }
    case 'output':
      return `${event.output} ${event.on ? 'on' : 'off'}${event.blinkMs ? `, blinking ${event.blinkMs} ms` : ''}`;
    case 'fault':
      return `${event.fault} ${event.state}${because(event.reason)}`;
    case 'registration':
      return `${event.account} ${event.registered ? 'registered' : 'not registered'}${because(event.reason)}`;
    case 'config':
      return `hailpoint ${event.version} ${event.state}${because(event.reason)}`;
    case 'message':
      return `from ${event.from}${event.spoken ? ', spoken' : ''}: ${event.text}${because(event.reason)}`;
    case 'quality': {
      const score = event.score === undefined ? '' : `score ${event.score} of 5, `;
      const remote = event.remoteScore === undefined ? '' : `; the other side's score ${event.remoteScore}`;
      const { received, lost, late, sent, jitterMs } = event;
      const codec = event.codec === undefined ? '' : `${event.codec}, `;
      return `${codec}${score}${received} packets came, ${lost} lost, ${late} late, jitter ${jitterMs} ms; ${sent} sent${remote}`;
    }
    case 'recording':
      return `${event.what} ${event.call} ${event.state}: ${event.file}${because(event.reason)}`;
    case 'selftest': {
      const figures =
        event.gainDb === undefined
          ? ''
          : ` (${event.gainDb} dB, ${event.delayMs} ms, ${event.distortionPercent} % distortion, ambient ${event.ambientDbfs} dBFS)`;
      return `${event.kind} by ${event.by} ${event.result} at try ${event.tries}${because(event.reason)}${figures}`;
    }
    case 'mailbox': {
      const count = event.fresh === undefined ? '' : `: ${event.fresh} new, ${event.old} old`;
      return `${event.account}: ${event.waiting ? 'messages wait' : 'no messages'}${count}`;
    }
    case 'reload':
      return `${event.state}${because(event.reason)}`;
    case 'command':
      return `${event.verb} by ${event.source}: ${event.ok ? 'done' : 'refused'}${because(event.reason)}`;
  }
}

function because(reason: string | undefined): string {
  return reason ? `: ${reason}` : '';
}

/** The answer to `status`, indented like the YAML it resembles. */
export function describeStatus(status: unknown, indent = ''): string {
  if (typeof status !== 'object' || status === null) return printable(String(status));
  const lines = Object.entries(status).map(([name, value]) => {
    const nested = typeof value === 'object' && value !== null;
    if (nested && Object.keys(value).length === 0) return `${indent}${name}: none`;
    if (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
      return `${indent}${name}: ${printable(value.join(', '))}`;
    if (nested) return `${indent}${name}:\n${describeStatus(value, `${indent}  `)}`;
    return `${indent}${name}: ${printable(String(value))}`;
  });
  return lines.join('\n');
}
