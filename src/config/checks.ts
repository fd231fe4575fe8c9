/**
 * What no single field can tell: references between sections, and what this version cannot do yet. Looks at the file as it
 * is written, so that these come out together with the schema's findings.
 */
import { type Finding, meant } from './explain.ts';
import { valueAt } from './source.ts';

type Path = readonly PropertyKey[];

export interface Checked {
  problems: Finding[];
  warnings: Finding[];
}

/** `file`: the terminal's file; `wired`: names in the device profile, when that could be read. */
export function check(file: unknown, wired?: { buttons: readonly string[]; outputs: readonly string[] }): Checked {
  const found: Checked = { problems: [], warnings: [] };
  checkButtons(file, wired?.buttons, found);
  checkOutputs(file, wired?.outputs, found);
  checkAccounts(file, found);
  checkListening(file, found);
  checkIncoming(file, found);
  checkServices(file, found);
  return found;
}

function checkButtons(file: unknown, wired: readonly string[] | undefined, { problems, warnings }: Checked): void {
  const plans = entries(file, ['calls']).map(([name]) => name);
  const buttons = entries(file, ['buttons']);
  for (const [button, path] of buttons) {
    const plan = valueAt(file, [...path, 'press', 'call']);
    if (typeof plan === 'string' && !plans.includes(plan)) {
      const message = `there is no call plan ${plan}${meant(plan, plans)}`;
      problems.push({
        path: [...path, 'press', 'call'],
        message,
        expected: plans.join(', ') || 'a call plan under calls',
      });
    }
    checkZone(file, [...path, 'press', 'page'], problems);
    // A button that is not there would never be heard.
    if (wired && !wired.includes(button)) {
      const message = `the device has no button ${button}${meant(button, wired)}`;
      problems.push({ path, message, expected: wired.join(', ') || 'a button in the device profile' });
    }
  }
  for (const button of wired ?? []) {
    if (buttons.some(([name]) => name === button)) continue;
    warnings.push({ path: ['buttons'], message: `the device has a button ${button}, and pressing it does nothing` });
  }
}

function checkOutputs(file: unknown, wired: readonly string[] | undefined, { warnings }: Checked): void {
  for (const [output, path] of entries(file, ['outputs'])) {
    if (!wired || wired.includes(output)) continue;
    warnings.push({ path, message: `the device has no output ${output}: nothing will be lit${meant(output, wired)}` });
  }
}

function checkAccounts(file: unknown, { warnings }: Checked): void {
  for (const [, path] of entries(file, ['sip', 'accounts'])) {
    const encryption = [...path, 'encryption'];
    if (
      valueAt(file, [...path, 'register']) === 'all' &&
      [valueAt(file, [...path, 'servers']) ?? []].flat().length < 2
    ) {
      const message = 'there are no two servers to register at: name them under servers';
      warnings.push({ path: [...path, 'register'], message });
    }
    const hops = [valueAt(file, [...path, 'servers']) ?? valueAt(file, [...path, 'address'])].flat();
    if (
      ['offered', 'required'].includes(String(valueAt(file, encryption))) &&
      valueAt(file, [...path, 'keys']) !== 'dtls' &&
      hops.some((uri) => !/^sips:|;transport=tls\b/i.test(String(uri)))
    ) {
      const message = 'the keys of these calls cross the network readable: transport=tls in servers hides them';
      warnings.push({ path: encryption, message });
    }
    if (valueAt(file, [...path, 'keys']) === 'dtls' && (valueAt(file, encryption) ?? 'none') === 'none') {
      const message = 'calls that are not encrypted have no keys: encryption: offered or required';
      warnings.push({ path: [...path, 'keys'], message });
    }
    if (typeof valueAt(file, [...path, 'password']) === 'string') warnings.push(inline([...path, 'password']));
  }
}

function checkListening(file: unknown, { problems }: Checked): void {
  const has = (...path: string[]): boolean => valueAt(file, ['sip', ...path]) !== undefined;
  const needs = (path: Path, message: string, expected: string) => problems.push({ path, message, expected });
  const [certificate, key] = [has('tls', 'certificate'), has('tls', 'key')];
  if (certificate !== key) {
    const [given, missing] = certificate ? ['certificate', 'key'] : ['key', 'certificate'];
    needs(['sip', 'tls', given], `a ${given} without its ${missing} is of no use`, `tls: { ${missing}: FILE }`);
  }
  if (!has('listen')) return;
  if (has('listen', 'tls') && !certificate && !key) {
    const message = 'who calls over TLS wants to see a certificate, and there is none';
    needs(['sip', 'listen', 'tls'], message, 'sip: { tls: { certificate: FILE, key: FILE } }');
  }
  if (!has('listen', 'udp') && !has('listen', 'tcp') && !has('listen', 'tls')) {
    needs(['sip', 'listen'], 'nothing is listened to', 'udp, tcp, tls or several');
  }
}

function checkIncoming(file: unknown, { problems, warnings }: Checked): void {
  const users = Object.keys((valueAt(file, ['sip', 'users']) ?? {}) as object);
  for (const [, path] of entries(file, ['sip', 'users'])) {
    if (typeof valueAt(file, [...path, 'password']) === 'string') warnings.push(inline([...path, 'password']));
  }
  for (const [, path] of entries(file, ['incoming'])) {
    const { from, answer, source, identity, authenticated } = valueAt(file, path) as Record<string, unknown>;
    for (const user of [authenticated ?? []].flat()) {
      if (typeof user !== 'string' || users.includes(user)) continue;
      const message = `there is no user ${user}${meant(user, users)}`;
      problems.push({
        path: [...path, 'authenticated'],
        message,
        expected: users.join(', ') || 'a user under sip.users',
      });
    }
    checkZone(file, [...path, 'zone'], problems);
    if (valueAt(file, [...path, 'zone']) !== undefined && (valueAt(file, [...path, 'as']) ?? 'page') !== 'page')
      problems.push({ path: [...path, 'zone'], message: 'only a page can go to a zone', expected: 'as: page' });
    if (identity !== undefined || authenticated !== undefined) continue;
    if (answer !== 'auto' && answer !== 'when-asked') continue;
    if ([source].flat().some((range) => typeof range === 'string' && /\/0$/.test(range))) {
      warnings.push({ path: [...path, 'source'], message: 'answers by itself a call from any address' });
    } else if (typeof from === 'string' && /^(?:\*|sips?:\*(?:@\*)?)$/.test(from)) {
      warnings.push({
        path: [...path, 'from'],
        message: "answers by itself anybody the accounts' servers let through",
      });
    }
  }
}

/** A zone that is named must be there. */
function checkZone(file: unknown, path: Path, problems: Finding[]): void {
  const zone = valueAt(file, path);
  const zones = entries(file, ['zones']).map(([name]) => name);
  if (typeof zone !== 'string' || zones.includes(zone)) return;
  const message = `there is no zone ${zone}${meant(zone, zones)}`;
  problems.push({ path, message, expected: zones.join(', ') || 'a zone under zones' });
}

function checkServices(file: unknown, { warnings }: Checked): void {
  if (
    typeof valueAt(file, ['mqtt', 'password']) !== 'undefined' &&
    /^mqtt:/.test(String(valueAt(file, ['mqtt', 'url'])))
  ) {
    warnings.push({
      path: ['mqtt', 'url'],
      message: 'the password crosses the network readable: mqtts:// would hide it',
    });
  }
  if (typeof valueAt(file, ['mqtt', 'password']) === 'string') warnings.push(inline(['mqtt', 'password']));
}

const inline = (path: Path): Finding => ({
  path,
  message: 'the secret stands in this file for everybody who may read it',
  expected: '{ file: PATH }, { credential: NAME } or { env: NAME }',
});

/** The names (or places) below `path` with the whole path of each; only those that hold keys of their own. */
function entries(file: unknown, path: Path): [name: string, path: Path][] {
  const section = valueAt(file, path);
  if (typeof section !== 'object' || section === null) return [];
  const isList = Array.isArray(section);
  return Object.entries(section).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null ? [[name, [...path, isList ? Number(name) : name]]] : [],
  );
}
