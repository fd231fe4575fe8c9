/** SIPp with a scenario of ours: one process, to its end, and what it said. Its built-in ones: `args: ['-sn', 'uac']`. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, temporaryDirectory } from './checkout.ts';

export interface SippRun {
  /** The XML itself, or the path of a file. */
  scenario?: string;
  /** As `-i 127.0.0.66 -p 5060 -m 1 -s help-07 127.0.0.50:5060`. */
  args: readonly string[];
  limitMs?: number;
}

export interface SippOutcome {
  /** 0: every call went as the scenario says; 1: one did not; null: it was ended at its limit. */
  code: number | null;
  /** The end of what it printed, then its error file: which message was not the one expected. */
  output: string;
}

const outputChars = 8_000;

/** Runs sipp to its end or to `limitMs`. `output` is worth the message of an assertion on `code`. */
export async function runSipp({ scenario, args, limitMs = 30_000 }: SippRun): Promise<SippOutcome> {
  const { path: cwd, remove } = temporaryDirectory();
  try {
    const all = ['-nostdin', '-trace_err', '-error_file', join(cwd, 'errors.log')];
    if (scenario !== undefined) {
      const file = scenario.trimStart().startsWith('<') ? join(cwd, 'scenario.xml') : scenario;
      if (file !== scenario) writeFileSync(file, scenario.trimStart());
      all.push('-sf', file);
    }
    const child = spawn(`${checkout}test/kit/peers/peers`, ['sipp', ...all, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output = (output + chunk).slice(-outputChars)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    const errors = readdirSync(cwd).filter((name) => name.endsWith('.log'));
    return { code, output: output + errors.map((name) => readFileSync(join(cwd, name), 'utf8')).join('\n') };
  } finally {
    remove();
  }
}

/** A scenario of these steps. */
export function scenario(name: string, ...steps: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="${name}">\n${steps.join('\n')}\n</scenario>\n`;
}

/** `<send>` of a message: lines without the blank ones at both ends. `attributes`: `retrans="500"`. */
export function send(message: string, attributes = ''): string {
  const lines = message.trim().split('\n');
  const text = lines.map((line) => line.trim()).join('\n');
  return `<send ${attributes}><![CDATA[\n${text}${text.includes('\n\n') ? '' : '\n'}\n]]></send>`;
}

/** `<recv>` of a request by its method or of a response by its status. `attributes`: `optional="true" rrs="true"`. */
export function recv(what: string | number, attributes = '', actions = ''): string {
  const kind = typeof what === 'number' ? 'response' : 'request';
  const inside = actions === '' ? '' : `<action>${actions}</action>`;
  return `<recv ${kind}="${what}" ${attributes}>${inside}</recv>`;
}

export const pause = (milliseconds: number): string => `<pause milliseconds="${milliseconds}"/>`;
