/**
 * Octets to a routable message and back, beside other parsers in the same run. "Routable": start line, topmost Via, From and
 * To tags, Call-ID, CSeq, Route, and Content-Length checked. The messages are those of `test/fixtures/traffic`, as the PBX,
 * proxy and telephone of the kit write them, and the INVITEs of other makers where the third-party data is; every parser
 * gets the same octets in the same order.
 *
 * Figures are processor time, not time on the clock, and the parsers take turns: another program on the machine disturbs
 * them little and alike. The other parsers are development packages, and libre that of Debian, driven by `libre.c`: one that
 * is absent is named and left out. What each does with a message:
 *   hailpoint     finds all lines, reads the routable ones, the others when they are asked for
 *   checked       the same, and all that the transport does with a message from outside: `received` and `rport`, every URI
 *                 of the routing headers, fields that may stand once only
 *   libre (C)     finds all lines, reads Via, From, To, CSeq and their URIs
 *   sip           splits all lines, reads all headers it knows
 *   drachtio-srf  splits all lines; reads the routable ones here, as its users do
 *   jssip, sip.js split all lines, read the routable ones with a generated grammar
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formatMessage, parseMessage, type SipMessage, validate } from '../../src/sip/message/index.ts';
import { stampVia } from '../../src/sip/transport/via.ts';
import { checkout, temporaryDirectory, testData } from '../kit/checkout.ts';
import { bench, print } from './figures.ts';

const ROUND_MS = 120;
const ROUNDS = 9;
/** Turns through all messages between two looks at the clock. */
const TURNS = 10;

const folder = join(checkout, 'test/fixtures/traffic');
const foreign = testData('pbx-invites');
if (foreign === undefined) console.log('without the INVITEs of other makers: set HAILPOINT_TEST_DATA');
const messages = [folder, foreign ?? []].flat().flatMap(messagesIn);
const source = { host: '127.0.2.99', port: 5099 };

function messagesIn(directory: string): Buffer[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return names.filter((name) => name.endsWith('.sip')).map((name) => readFileSync(join(directory, name)));
}

/** Reads what routing needs; what it gives keeps the compiler from leaving it out. */
function route(m: SipMessage): number {
  const { via, cseq } = m;
  const [first] = m.routes;
  return (
    (via.params.get('branch')?.length ?? 0) +
    (m.fromTag?.length ?? 0) +
    (m.toTag?.length ?? 0) +
    m.callId.length +
    cseq.sequence +
    (first?.uriText.length ?? 0) +
    m.body.length
  );
}

function parseRoutable(bytes: Buffer): SipMessage {
  const message = parseMessage(bytes);
  route(message);
  return message;
}

function receive(bytes: Buffer): SipMessage {
  const message = parseMessage(bytes);
  if (message.kind === 'request') stampVia(message, source);
  validate(message);
  return message;
}

/** Nanoseconds of processor time a message takes, over about `ROUND_MS`. */
type Round = () => number;

interface Contender {
  name: string;
  parse(bytes: Buffer): unknown;
  format?(parsed: unknown): unknown;
}

const require = createRequire(import.meta.url);

async function load(id: string): Promise<unknown> {
  try {
    return id.startsWith('sip.js') ? await import(pathToFileURL(require.resolve(id)).href) : require(id);
  } catch {
    console.log(`${id.split('/')[0]} is not installed here (npm install --save-dev ${id.split('/')[0]}): left out`);
    return undefined;
  }
}

async function contenders(): Promise<Contender[]> {
  const all: Contender[] = [
    { name: 'hailpoint', parse: parseRoutable, format: (parsed) => formatMessage(parsed as SipMessage) },
    { name: 'checked', parse: receive },
  ];
  const sip = (await load('sip')) as { parse(text: string): unknown; stringify(parsed: unknown): string } | undefined;
  if (sip !== undefined) {
    all.push({
      name: 'sip',
      parse: (bytes) => sip.parse(bytes.toString('utf8')),
      format: (parsed) => Buffer.from(sip.stringify(parsed)),
    });
  }
  const drachtio = (await load('drachtio-srf/lib/sip-parser/message.js')) as
    | (new (
        text: string,
      ) => { has(name: string): boolean; get(name: string): string; getParsedHeader(name: string): unknown })
    | undefined;
  if (drachtio !== undefined) {
    all.push({
      name: 'drachtio-srf',
      parse: (bytes) => {
        const message = new drachtio(bytes.toString('utf8'));
        message.get('call-id');
        for (const name of ['via', 'from', 'to', 'cseq']) message.getParsedHeader(name);
        if (message.has('route')) message.getParsedHeader('route');
        return message;
      },
    });
  }
  const jssip = (await load('jssip/lib/Parser')) as { parseMessage(text: string, ua: unknown): unknown } | undefined;
  if (jssip !== undefined) {
    const ua = { get: () => undefined };
    all.push({ name: 'jssip', parse: (bytes) => jssip.parseMessage(bytes.toString('utf8'), ua) });
  }
  const sipjs = (await load('sip.js/lib/core/messages/parser.js')) as
    | { Parser: { parseMessage(text: string, logger: unknown): unknown } }
    | undefined;
  if (sipjs !== undefined) {
    const logger = { warn: () => undefined, error: () => undefined };
    all.push({ name: 'sip.js', parse: (bytes) => sipjs.Parser.parseMessage(bytes.toString('utf8'), logger) });
  }
  return all;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Each gets a loop of its own: one loop for all would know none of them. */
function rounds<T>(inputs: readonly T[], work: (input: T) => unknown): Round {
  const make = new Function(
    'inputs',
    'work',
    'cpuMs',
    'limitMs',
    'turns',
    'return function run() {' +
      'const begin = cpuMs(); let count = 0; let tookMs = 0;' +
      'do { for (let turn = 0; turn < turns; turn++) for (let i = 0; i < inputs.length; i++) work(inputs[i]);' +
      'count += turns * inputs.length; tookMs = cpuMs() - begin; } while (tookMs < limitMs);' +
      'return tookMs * 1e6 / count; }',
  );
  return make(inputs, work, cpuMs, ROUND_MS, TURNS);
}

/** The C parser as one more contender; undefined where it cannot be built. */
function libre(directory: string): Round | undefined {
  const program = join(directory, 'libre');
  const gcc = spawnSync('gcc', [
    '-O2',
    '-I/usr/include/re',
    '-o',
    program,
    join(checkout, 'test/bench/libre.c'),
    '-lre',
  ]);
  if (gcc.status !== 0) {
    console.log('libre cannot be built here (apt-get install gcc libc6-dev libre-dev): left out');
    return undefined;
  }
  const input = Buffer.concat(
    messages.flatMap((bytes) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(bytes.length);
      return [size, bytes];
    }),
  );
  return () => {
    const { status, stdout, stderr } = spawnSync(program, [String(ROUND_MS)], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`libre: ${stderr}`);
    const [count, tookNs] = stdout.split(' ').map(Number);
    return tookNs / count;
  };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** All contenders in turn, so that a busy moment of the machine meets them alike; the first is compared with the others. */
function compare(what: string, entries: readonly (readonly [name: string, round: Round])[]): void {
  const taken = entries.map((): number[] => []);
  for (const [, round] of entries) round();
  for (let i = 0; i < ROUNDS; i++) entries.forEach(([, round], k) => void taken[k].push(round()));
  const ours = median(taken[0]);
  entries.forEach(([name], k) => {
    const own = median(taken[k]);
    const best = Math.min(...taken[k]);
    const ratio = k === 0 ? '' : `  hailpoint is ${(own / ours).toFixed(2)} times as fast`;
    const rate = Math.round(1e9 / own).toLocaleString('en');
    print(what, name, `${rate} messages/s  ${own.toFixed(0)} ns (best ${best.toFixed(0)})${ratio}`);
  });
}

await bench(async (cleaner) => {
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const octets = messages.reduce((sum, { length }) => sum + length, 0);
  console.log(`${messages.length} messages, ${octets} octets; median of ${ROUNDS} rounds, processor time`);
  const all = await contenders();
  for (const { name, parse } of all) {
    for (const bytes of messages) if (parse(bytes) === undefined) throw new Error(`${name} refuses ${bytes}`);
  }
  const native = libre(path);
  const entries = all.map(({ name, parse }) => [name, rounds(messages, parse)] as const);
  if (native !== undefined) entries.splice(2, 0, ['libre (C)', native]);
  compare('octets -> routable message', entries);
  compare(
    'message -> octets',
    all.flatMap(({ name, parse, format }) =>
      format === undefined ? [] : [[name, rounds(messages.map(parse), format)] as const],
    ),
  );
  compare(
    'octets -> message -> octets',
    all.flatMap(({ name, parse, format }) =>
      format === undefined ? [] : [[name, rounds(messages, (bytes: Buffer) => format(parse(bytes)))] as const],
    ),
  );
});
