// What a fresh machine with Node and Debian lacks for `npm run demo`, `npm test`, `npm run bench` and `npm run test:vm`:
// npm packages, the build, and (not for the demo) Debian packages. Plain JavaScript without dependencies: it runs before
// `npm ci`. As root it installs and says so in a line; otherwise it says which command to run and ends with 1.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };

/** Debian packages of the kit, and what each is for. */
const packages = {
  peers: [
    ...['mmdebstrap', 'ca-certificates', 'openssl', 'iproute2', 'mosquitto', 'espeak-ng', 'sox'],
    ...['libopus0', 'opus-tools', 'ffmpeg'],
    ...['kamailio', 'kamailio-tls-modules', 'kamailio-presence-modules', 'rtpengine-daemon'],
  ],
  bench: [
    ...[
      'gcc',
      'g++',
      'libc6-dev',
      'libre-dev',
      'python3-scipy',
      'baresip-core',
      'util-linux',
      'espeak-ng',
      'libspeexdsp1',
    ],
  ],
  vm: ['mmdebstrap', 'e2fsprogs', 'gcc', 'libc6-dev', 'make', 'flex', 'bison', 'bc', 'xz-utils'],
  soundcard: ['alsa-utils', 'libasound2-plugins', 'pulseaudio', 'pulseaudio-utils'],
};

function say(text) {
  console.log(`prepare: ${text}`);
}

function fail(text) {
  console.error(`prepare: ${text}`);
  process.exit(1);
}

/** Runs a command in the checkout; its output is shown only when it fails, unless `shown`. */
function run(command, args, { shown = false } = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  fail(`${command} ${args.join(' ')} failed: ${error?.message ?? `exit ${status}`}\n${stdout ?? ''}${stderr ?? ''}`);
}

/** ms since 1970, 0 when there is no such file. */
function changedMs(path) {
  return statSync(root + path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function npmPackages() {
  // npm writes the hidden lock file last, so a broken install is repeated.
  if (changedMs('node_modules/.package-lock.json') >= changedMs('package-lock.json')) return;
  say('npm ci: node_modules is missing or older than package-lock.json');
  // A user's npm configuration may leave out development or per-platform packages, where the compiler is.
  run('npm', ['ci', '--include=dev', '--include=optional', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (changedMs('node_modules/.package-lock.json') === 0) fail('npm ci left no node_modules here: see `npm config ls`');
}

/** The program as it runs; it would build itself at its first start, but then two starts at once would do it twice. */
function buildProgram() {
  run(process.execPath, ['node_modules/rolldown/bin/cli.mjs', '-c', '.rolldown.config.mjs']);
}

/** The tests, and the sources one by one, as the tests import them. */
function buildTests() {
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
}

function missing(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
  const format = '${Package} ${db:Status-Status}\n';
  const { stdout, error } = spawnSync('dpkg-query', ['-W', '-f', format, ...names], { encoding: 'utf8' });
  if (error !== undefined) return names;
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')));
  return names.filter((name) => !installed.has(`${name} installed`));
}

function debianPackages(names) {
  const wanted = missing([...new Set(names)]);
  if (wanted.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...wanted];
  if (process.getuid() !== 0 || !existsSync('/usr/bin/apt-get')) {
    const command = `apt-get update && sudo apt-get ${install.join(' ')}`;
    fail(`the tests need Debian packages that only root can install. Run:\n  sudo ${command}`);
  }
  say(`apt-get ${install.join(' ')}`);
  // Nobody asked for a broker or a sound server that runs by itself: packages come without starting their services.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const removePolicy = () => ours && rmSync(policy, { force: true });
  process.once('exit', removePolicy);
  const lock = ['-o', 'DPkg::Lock::Timeout=600', '-q'];
  // An update that fails for one source of several is no reason to give up: the install says what is missing.
  spawnSync('apt-get', [...lock, 'update'], { env, stdio: 'ignore' });
  run('apt-get', [...lock, ...install]);
  removePolicy();
}

function peers(names) {
  debianPackages([...packages.peers, ...packages.soundcard, ...names]);
  run(`${root}test/kit/peers/peers`, ['install', 'asterisk', 'baresip', 'kamailio', 'rtpengine', 'mosquitto', 'sipp'], {
    shown: true,
  });
}

const modes = {
  demo: () => undefined,
  // The machine itself is built when its tests are run.
  test: () => peers(process.arch === 'x64' ? packages.vm : []),
  bench: () => peers(packages.bench),
  vm: () => debianPackages(packages.vm),
};

const mode = process.argv[2];
if (!Object.hasOwn(modes, mode ?? '')) {
  console.error(`usage: prepare.mjs ${Object.keys(modes).join('|')}`);
  process.exit(2);
}
npmPackages();
buildProgram();
if (mode !== 'demo') buildTests();
modes[mode]();
