/** The device profile: found by its name or path, its parts replaced by the terminal's file, checked as one. */
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { MediaConfig } from '../media/types.ts';
import { explain, type Finding, meant } from './explain.ts';
import { name as nameSchema } from './fields.ts';
import { packageFolder } from './package.ts';
import { formatPath } from './problems.ts';
import { deviceSchema, LINE_DRIVERS, PLANNED_LINE_DRIVERS } from './schema-device.ts';
import { reason } from './secrets.ts';
import { Source } from './source.ts';
import type { DeviceConfig, Problem } from './types.ts';

export interface DeviceFound {
  device?: DeviceConfig & { sound: MediaConfig['sound'] };
  /** Known even when something else is wrong; undefined: not even that. */
  names?: { buttons: readonly string[]; outputs: readonly string[] };
  problems: Problem[];
  warnings: Problem[];
}

type Section = Record<string, unknown>;
const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `terminal`: the terminal's file, whose key `device` names the profile. */
export function loadDevice(terminal: Source): DeviceFound {
  const given = terminal.at(['device']);
  const wanted = isSection(given) ? given.profile : given;
  const at = isSection(given) ? ['device', 'profile'] : ['device'];
  const found: DeviceFound = { problems: [], warnings: [] };
  // Missing or of the wrong kind: the schema of the terminal's file says so.
  if (typeof wanted !== 'string' || wanted === '') return found;

  const file = profileFile(wanted, dirname(terminal.file));
  let profile: Source;
  try {
    profile = Source.read(file);
  } catch (error) {
    const known = profileNames();
    const { line } = terminal.locate(at);
    const message = `cannot read the profile ${file}: ${reason(error)}${meant(wanted, known)}`;
    found.problems.push({
      file: terminal.file,
      line,
      path: formatPath(at),
      message,
      expected: `${known.join(', ')}, or a path`,
    });
    return found;
  }
  found.problems.push(...profile.problems);
  if (!isSection(profile.value)) {
    if (profile.problems.length === 0)
      found.problems.push({ file, line: 1, path: '', message: 'this is no device profile' });
    return found;
  }

  const where = placer(terminal, profile);
  const merged = merge(profile.value, isSection(given) ? given : {});
  if (merged.simulate === true) simulateMissing(merged, terminal);
  for (const { finding, warning } of plannedDrivers(merged))
    (warning ? found.warnings : found.problems).push(where(finding));
  const schema = deviceSchema((key) => dirname(where({ path: ['sound', key], message: '' }).file));
  const result = schema.safeParse(merged);
  if (!result.success) found.problems.push(...explain(schema, merged, result.error.issues).map(where));
  found.problems.push(...sharedLines(merged).map(where));
  found.names = { buttons: keysOf(merged.buttons), outputs: keysOf(merged.outputs) };
  if (result.success) {
    const { name = wanted, buttons, outputs, sound } = result.data;
    found.device = { name, file, buttons, outputs, sound };
  }
  return found;
}

/** A name is looked up among the program's own profiles. */
function profileFile(wanted: string, directory: string): string {
  const isPath = wanted.includes('/') || /\.ya?ml$/.test(wanted);
  return isPath ? resolve(directory, wanted) : join(profileDirectory, `${wanted}.yaml`);
}

/** The profiles that come with the program. */
const profileDirectory = join(packageFolder, 'device');

function profileNames(): string[] {
  try {
    return readdirSync(profileDirectory).flatMap((file) => (file.endsWith('.yaml') ? [basename(file, '.yaml')] : []));
  } catch {
    return [];
  }
}

/** An entry that names another driver replaces the profile's; otherwise only the keys it has. */
function merge(profile: Section, override: Section): Section {
  const merged: Section = { ...profile };
  if (override.sound !== undefined) merged.sound = mergeEntry(profile.sound, override.sound);
  for (const kind of ['buttons', 'outputs']) {
    const more = override[kind];
    if (!isSection(more)) continue;
    const base = isSection(profile[kind]) ? profile[kind] : {};
    const entries = Object.entries(more).map(([name, entry]) => [name, mergeEntry(base[name], entry)]);
    merged[kind] = { ...base, ...Object.fromEntries(entries) };
  }
  return merged;
}

function mergeEntry(base: unknown, override: unknown): unknown {
  if (!isSection(base) || !isSection(override)) return override;
  return override.driver === undefined || override.driver === base.driver ? { ...base, ...override } : override;
}

/** On a board that is only simulated, a button or lamp is there as soon as somebody names it. */
function simulateMissing(device: Section, terminal: Source): void {
  for (const kind of ['buttons', 'outputs']) {
    const named = keysOf(terminal.at([kind]))
      .filter((name) => nameSchema.safeParse(name).success)
      .map((name) => [name, { driver: 'simulated' }]);
    if (device[kind] === undefined || isSection(device[kind]))
      device[kind] = { ...Object.fromEntries(named), ...(device[kind] as Section) };
  }
}

/** Tells in which of the two files, and where, a finding about the merged device stands. */
function placer(terminal: Source, profile: Source): (finding: Finding) => Problem {
  return ({ path, message, expected }) => {
    const above = ['device', ...path];
    const [here, there] = [terminal.locate(above), profile.locate(path)];
    // Only a section of the override that is written there can be the place.
    return here.depth - 1 > there.depth || (here.depth > 1 && here.depth - 1 === there.depth)
      ? { file: terminal.file, line: here.line, path: formatPath(above), message, expected }
      : { file: profile.file, line: there.line, path: formatPath(path), message, expected };
  };
}

/** Drivers of later versions: a button must not be deaf in silence; a lamp may stay dark, said aloud. Replaces them in `device`. */
function plannedDrivers(device: Section): { finding: Finding; warning: boolean }[] {
  const found: { finding: Finding; warning: boolean }[] = [];
  for (const kind of ['buttons', 'outputs'] as const) {
    const lines = isSection(device[kind]) ? device[kind] : {};
    device[kind] = isSection(device[kind]) ? { ...lines } : device[kind];
    for (const [name, line] of Object.entries(lines)) {
      if (!isSection(line) || !PLANNED_LINE_DRIVERS.includes(String(line.driver))) continue;
      const warning = kind === 'outputs';
      const message = `the driver ${line.driver} is not available in this version${warning ? `: ${name} stays dark` : ''}`;
      found.push({ finding: { path: [kind, name, 'driver'], message, expected: LINE_DRIVERS.join(' or ') }, warning });
      (device[kind] as Section)[name] = { driver: 'simulated' };
    }
  }
  return found;
}

/** One wire cannot be two things. */
function sharedLines(device: Section): Finding[] {
  const findings: Finding[] = [];
  const owners = new Map<string, string>();
  for (const kind of ['buttons', 'outputs']) {
    for (const [name, line] of Object.entries(isSection(device[kind]) ? device[kind] : {})) {
      if (!isSection(line) || line.chip === undefined || line.line === undefined) continue;
      const wire = `line ${line.line} of ${line.chip}`;
      const owner = owners.get(wire);
      if (owner !== undefined) findings.push({ path: [kind, name], message: `${wire} is already ${owner}` });
      owners.set(wire, `${kind}.${name}`);
    }
  }
  return findings;
}

const keysOf = (value: unknown): string[] => (isSection(value) ? Object.keys(value) : []);
