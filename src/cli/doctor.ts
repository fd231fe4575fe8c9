/** `hailpoint doctor`: one line for each thing looked at, and below a fault the one that mends it. */
import { printable } from '../base/index.ts';
import { diagnose, type Finding } from '../doctor/index.ts';
import { socketToReach, stateDirectory } from './paths.ts';

const MARKS = { ok: 'ok    ', off: '-     ', fault: 'FAULT ' } as const;

/** 1 when anything is wrong. */
export async function runDoctor(file: string, state: string | undefined, json: boolean): Promise<number> {
  const findings = await diagnose(file, stateDirectory(state), socketToReach());
  console.log(json ? JSON.stringify(findings, null, 2) : describe(findings));
  return findings.some(({ health }) => health === 'fault') ? 1 : 0;
}

function describe(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  return findings
    .flatMap(({ what, health, detail, mend }) => {
      const line = `${MARKS[health]}${what.padEnd(width)}  ${printable(detail)}`;
      return mend === undefined ? [line] : [line, `${' '.repeat(6 + width)}  -> ${mend}`];
    })
    .join('\n');
}
