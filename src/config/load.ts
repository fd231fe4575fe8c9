/** Reads the terminal's file and everything it names, and says everything that is wrong with it at once. */

import { dirname, resolve } from 'node:path';
import type { MediaConfig } from '../media/types.ts';
import type { TlsOptions } from '../sip/transport/index.ts';
import type { ButtonRule, CallPlan } from '../terminal/types.ts';
import { check } from './checks.ts';
import { loadDevice } from './device.ts';
import { explain, type Finding } from './explain.ts';
import { formatPath } from './problems.ts';
import { chosen } from './prompt.ts';
import { type TerminalFile, terminalSchema } from './schema.ts';
import { handsfreeOf, nightOf } from './schema-handsfree.ts';
import { groupsOf, zonesOf } from './schema-pages.ts';
import type { WrittenPlan, WrittenPress } from './schema-terminal.ts';
import { reason } from './secrets.ts';
import { Source } from './source.ts';
import type { CheckedConfig, Config, DeviceConfig, Problem } from './types.ts';

/** Everything that is right and wrong with `file` and what it names. */
export function checkConfig(file: string, env: NodeJS.ProcessEnv = process.env): CheckedConfig {
  const path = resolve(file);
  let source: Source;
  try {
    source = Source.read(path);
  } catch (error) {
    return { problems: [{ file: path, line: 1, path: '', message: `cannot be read: ${reason(error)}` }], warnings: [] };
  }
  const problems: Problem[] = [...source.problems];
  const warnings: Problem[] = [];
  if (source.value === undefined) return { problems, warnings };

  const place = (finding: Finding): Problem => ({
    file: path,
    line: source.locate(finding.path).line,
    path: formatPath(finding.path),
    message: finding.message,
    expected: finding.expected,
  });
  const schema = terminalSchema({ directory: dirname(path), env });
  const result = schema.safeParse(source.value);
  if (!result.success) problems.push(...explain(schema, source.value, result.error.issues).map(place));
  const found = loadDevice(source);
  problems.push(...found.problems);
  warnings.push(...found.warnings);
  const checked = check(source.value, found.names);
  problems.push(...checked.problems.map(place));
  warnings.push(...checked.warnings.map(place));

  const inOrder = (list: Problem[]): Problem[] =>
    list.sort(
      (a, b) => Number(a.file !== path) - Number(b.file !== path) || a.file.localeCompare(b.file) || a.line - b.line,
    );
  inOrder(problems);
  inOrder(warnings);
  if (problems.length > 0 || !result.success || found.device === undefined) return { problems, warnings };
  return { config: build(path, result.data, found.device, warnings), problems, warnings };
}

/** Cuts what the schema made of the file into the slices of the rooms. */
function build(
  path: string,
  file: TerminalFile,
  { sound, ...device }: DeviceConfig & { sound: MediaConfig['sound'] },
  warnings: readonly Problem[],
): Config {
  const { id, name = id, stuck: stuckMs } = file.terminal;
  const { incoming, outputs, mqtt } = file;
  const pages = groupsOf(file.multicast);
  const zones = zonesOf(file.zones, name);
  const buttons = each(file.buttons, ({ press }) => (press ? { press: pressOf(press, file.audio) } : {}));
  const calls = each(file.calls, (plan) => planOf(plan, file.audio));
  return {
    file: path,
    terminal: {
      ...{ id, name, calls, buttons, incoming, outputs, stuckMs },
      ...{ multicast: pages.rules, zones: zones.rules },
    },
    pages: { groups: pages.groups, zones: zones.zones },
    device,
    sip: {
      listen: {
        udp: file.sip.listen.udp ?? [],
        tcp: file.sip.listen.tcp ?? [],
        ...(file.sip.listen.tls && { tls: file.sip.listen.tls }),
      },
      users: each(file.sip.users, ({ password }) => password),
      realm: file.sip.realm ?? id,
      strangers: file.sip.strangers,
      rate: file.sip.rate,
      oversize: file.sip.oversize,
      dscp: file.sip.dscp,
      ...(file.sip.tls && { tls: tlsOf(file.sip.tls) }),
      redirects: file.sip.redirects,
      sessionExpiresS: Math.ceil(file.sip.session / 1_000),
      firstAnswerMs: file.sip['first-answer'],
      accounts: Object.entries(file.sip.accounts).map(
        ([account, { address, servers = [], username, password, expires, nat, register, ...options }]) => ({
          name: account,
          address,
          servers,
          username: username ?? address.slice(address.indexOf(':') + 1, address.indexOf('@')),
          password: password ?? '',
          expiresMs: expires,
          nat,
          register,
          ...(options.presence && { presence: true }),
          ...(options['watch-registration'] && { watchRegistration: true }),
        }),
      ),
      ...(file.sip.watchers && { watchers: file.sip.watchers }),
    },
    media: {
      sound,
      volume: file.audio.volume,
      country: file.audio.country,
      handsfree: handsfreeOf(file.audio),
      ...(file.audio['verify-pages'] && { verifyPages: true }),
      dscp: file.sip.media.dscp,
      ...(file.sip.media.ports && { ports: file.sip.media.ports }),
    },
    ...(file.audio.night && { night: nightOf(file.audio.night) }),
    selftest: { everyMs: file.selftest.every, ...(file.selftest.quiet !== 'none' && { quiet: file.selftest.quiet }) },
    encryption: each(file.sip.accounts, ({ encryption }) => encryption),
    keys: each(file.sip.accounts, ({ keys }) => keys),
    dtmf: each(file.sip.accounts, ({ dtmf }) => dtmf),
    digits: { durationMs: file.sip.dtmf.duration, gapMs: file.sip.dtmf.gap, tones: file.sip.dtmf.tones },
    voice: file.audio.voice,
    recordings: {
      maxBytes: file.recordings.megabytes * 1e6,
      freeBytes: file.recordings.free * 1e6,
      keepMs: file.recordings.keep,
    },
    codecs: file.audio.codecs,
    packetMs: file.audio.ptime,
    pauses: file.audio.dtx,
    jitter: { minMs: file.audio.jitter.min, maxMs: file.audio.jitter.max, pageMs: file.audio.jitter.page },
    ...(mqtt && {
      mqtt: {
        url: mqtt.url,
        ...(mqtt.username !== undefined && { username: mqtt.username }),
        ...(mqtt.password !== undefined && { password: mqtt.password }),
        ...(mqtt.ca !== undefined && { ca: mqtt.ca }),
        base: mqtt.base ?? `hailpoint/${id}`,
        ...(mqtt.discovery !== false && { discovery: mqtt.discovery === true ? 'homeassistant' : mqtt.discovery }),
      },
    }),
    ...(file.web && { web: file.web }),
    warnings,
  };
}

function each<T, U>(named: Readonly<Record<string, T>>, make: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [name, make(value)]));
}

/** In the languages that are wanted here. */
function pressOf(press: WrittenPress, audio: TerminalFile['audio']): NonNullable<ButtonRule['press']> {
  return 'page' in press ? { page: press.page, play: chosen(press.play, audio) } : press;
}

/** In the languages that are wanted here. */
function planOf({ prompt, confirm, lastResort, ...plan }: WrittenPlan, audio: TerminalFile['audio']): CallPlan {
  return {
    ...plan,
    ...(prompt && { prompt: chosen(prompt, audio) }),
    ...(lastResort && { lastResort: { ...lastResort, prompt: lastResort.prompt && chosen(lastResort.prompt, audio) } }),
    ...(confirm && { confirm: { ...confirm, prompt: confirm.prompt && chosen(confirm.prompt, audio) } }),
  };
}

function tlsOf({ fingerprint, ...tls }: NonNullable<TerminalFile['sip']['tls']>): TlsOptions {
  return { ...tls, ...(fingerprint && { fingerprints: fingerprint }) };
}
