/**
 * Three whole terminals on one switch, each in a network namespace of its own: `a` pages, `b` and `c` listen and are recorded.
 * `pages.test.ts` starts it in a namespace and reads its lines of JSON: what was tried, and whether it came true.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Service } from '../../src/app/index.ts';
import { type Logger, silentLogger } from '../../src/base/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { median, type Recording, skews } from '../kit/skew.ts';
import { Inbox, until } from '../kit/wait.ts';
import { cut, formatWav, levelDbfs, readWav } from '../kit/wav.ts';

const LIMIT_MS = 10_000;
const ARRIVAL = '239.255.0.10:5004';
const CLOCK = '239.255.0.11:5004';
const POLY = '224.0.1.116:5001';
const LINKSYS = '224.168.168.168:34567';
const SIX = '[ff15::47]:5004';
const CLOSED = '239.255.0.12:5004';

/** What a terminal says on its standard output. */
type Said = { event: Record<string, unknown> } | { recorded: number } | { ready: true };

const [role = 'sender', folder = '', name = ''] = process.argv.slice(2);
if (role === 'listener') await listener();
else await sender();

async function service(file: string, text: object, logger: Logger): Promise<Service> {
  writeFileSync(file, JSON.stringify(text)); // which is YAML, too
  const config = await loadConfig(file);
  const state = `${file}.state`;
  const one = new Service({
    config,
    stateDirectory: state,
    socketPath: `${file}.sock`,
    version: '0',
    logger,
    onChange() {},
  });
  await one.start();
  return one;
}

// ------------------------------------------------------------------ b and c

async function listener(): Promise<void> {
  const say = (said: Said): void => console.log(JSON.stringify(said));
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const logger: Logger = {
    ...silentLogger,
    info: (message, fields) => message === 'Event' && say({ event: fields?.event as Record<string, unknown> }),
    debug: (message, fields) => message === 'the recording begins' && say({ recorded: Number(fields?.unixMs) }),
  };
  const group = (listen: string, more: object = {}): object => ({ listen, ...more });
  const one = await service(
    join(folder, `${name}.yaml`),
    {
      terminal: { id: name },
      device: {
        profile: 'simulated',
        sound: { driver: 'file', speaker: join(folder, `${name}.wav`), rate: name === 'b' ? 16_000 : 48_000 },
      },
      sip: { listen: { udp: '127.0.0.1:5060' } },
      audio: { volume: 100 },
      multicast: [
        group(ARRIVAL),
        group(CLOCK, { delay: '300ms', sync: 'clock', codec: 'opus', priority: 8 }),
        group(POLY, { format: 'poly', channel: 26 }),
        group(LINKSYS, { format: 'linksys' }),
        group(SIX),
        group(CLOSED, { from: '10.34.0.1' }),
      ],
    },
    logger,
  );
  say({ ready: true });
  await new Promise((resolve) => process.stdin.once('data', resolve));
  await one.stop();
  process.exit(0);
}

// ------------------------------------------------------------------ a, and the switch

async function sender(): Promise<void> {
  const shell = (command: string): string => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  const { path: work, remove } = temporaryDirectory();
  const listeners: { child: ChildProcess; said: Inbox<Said> }[] = [];
  let a: Service | undefined;
  let desk: Service | undefined;
  try {
    shell('ip link set lo up; ip link add br0 type bridge mcast_snooping 1 mcast_querier 0; ip link set br0 up');
    shell('ip addr add 10.34.0.1/24 dev br0; ip addr add 10.34.0.66/24 dev br0; ip route add default dev br0');
    for (const [index, id] of ['b', 'c'].entries()) {
      const args = ['-n', process.execPath, process.argv[1], 'listener', work, id];
      const child = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const said = new Inbox<Said>();
      createInterface({ input: child.stdout }).on('line', (line) => said.put(JSON.parse(line) as Said));
      listeners.push({ child, said });
      await until(
        'the namespace',
        LIMIT_MS,
        () => shell(`readlink /proc/${child.pid}/ns/net`) !== shell('readlink /proc/self/ns/net'),
      );
      shell(`ip link add p${index} type veth peer name eth0 netns ${child.pid}; ip link set p${index} master br0 up`);
      const there = `nsenter -t ${child.pid} -n ip`;
      shell(`${there} link set lo up; ${there} link set eth0 up; ${there} addr add 10.34.0.${2 + index}/24 dev eth0`);
      child.stdin.write('\n');
    }
    const [b, c] = listeners.map(({ said }) => said);
    const both = [b, c];
    for (const said of both) await said.take('a terminal to be ready', LIMIT_MS, (one) => 'ready' in one);

    noise(join(work, 'message.wav'), 3);
    noise(join(work, 'short.wav'), 1);
    a = await service(
      join(work, 'a.yaml'),
      {
        terminal: { id: 'a', name: 'Front desk' },
        device: { profile: 'simulated', sound: { driver: 'none' } },
        sip: { listen: { udp: '10.34.0.1:5060' } },
        buttons: { help: { press: { page: 'arrival', play: join(work, 'message.wav') } } },
        incoming: [{ from: 'sip:*@*', source: '10.34.0.66', answer: 'auto', as: 'page', zone: 'arrival' }],
        zones: {
          arrival: { send: ARRIVAL },
          clock: { send: CLOCK, codec: 'opus' },
          poly: { send: POLY, format: 'poly' },
          linksys: { send: LINKSYS, format: 'linksys' },
          six: { send: SIX, interface: 'br0' },
          closed: { send: CLOSED, codec: 'pcmu' },
        },
      },
      silentLogger,
    );
    const one = a;
    const page = async (zone: string, file = 'short.wav'): Promise<void> => {
      const answer = await one.command({ verb: 'page', zone, file: join(work, file) }, 'socket');
      if (!answer.ok) throw new Error(answer.reason);
    };
    /** What each of them has said up to there has been looked at. */
    const seen = [0, 0];
    /** What both say of a page of that peer. */
    const bothSay = async (state: string, peer: RegExp, limitMs = LIMIT_MS): Promise<Record<string, unknown>[]> =>
      Promise.all(
        both.map(async (said, index) => {
          const fits = (item: Said): boolean =>
            'event' in item &&
            item.event.type === 'page' &&
            item.event.state === state &&
            peer.test(`${item.event.peer}`);
          const found = await said.take(`page ${state} ${peer}`, limitMs, fits, seen[index]);
          seen[index] = said.items.indexOf(found) + 1;
          return (found as { event: Record<string, unknown> }).event;
        }),
      );
    const times: Record<string, [fromMs: number, toMs: number]> = {};
    const whole = async (
      zone: string,
      peer: RegExp,
      file?: string,
      begin = () => page(zone, file),
    ): Promise<string> => {
      const fromMs = Date.now();
      await begin();
      await bothSay('connected', peer);
      const ended = await bothSay('ended', peer);
      times[zone] = [fromMs, Date.now()];
      return ended.map(({ reason }) => `${reason}`).join(' | ');
    };

    await tell('a button plays a message, which both hear whole', async () => {
      const press = async (): Promise<void> => void (await one.command({ verb: 'press', button: 'help' }, 'socket'));
      const reason = await whole('arrival', /^10\.34\.0\.1 to 239\.255\.0\.10:5004$/, undefined, press);
      // The 60 ms that were asked for, or more where packets came late: for both the same.
      expect(
        reason,
        /^its sender ended it; 150 packets, \d late, 0 ms lost, [6-9]\d ms delay by arrival \| its sender/,
      );
      const [here, there] = reason.match(/\d+ ms delay/g) ?? [];
      expect(`${here} and ${there}`, new RegExp(`^${there} and `));
      return reason;
    });
    await tell("by the sender's clock, 300 ms late, in Opus", async () => {
      const reason = await whole('clock', /239\.255\.0\.11/, 'message.wav');
      expect(reason, /300 ms delay by the sender's clock \| .* 300 ms delay by the sender's clock$/);
      return reason;
    });
    await tell('as a Polycom telephone does, with its name', async () => {
      const reason = await whole('poly', /^10\.34\.0\.1 \(Front desk\) to 224\.0\.1\.116:5001 channel 26$/);
      expect(reason, /^its sender ended it; 50 packets, \d late, 0 ms lost/);
      return reason;
    });
    await tell('as a Linksys telephone does', async () => {
      const reason = await whole('linksys', /to 224\.168\.168\.168:34567$/);
      expect(reason, /^its sender ended it; 50 packets/);
      return reason;
    });
    await tell('over IPv6', async () => whole('six', /^fe80:.* to \[ff15::47\]:5004$/));
    await tell('whom the list names is heard, somebody else is refused and told of', async () => {
      await whole('closed', /^10\.34\.0\.1 to 239\.255\.0\.12/);
      await strangersPage();
      const [refused] = await bothSay('refused', /^10\.34\.0\.66 to 239\.255\.0\.12/);
      expect(`${refused.reason}`, /not among those/);
      return `${refused.reason}`;
    });
    await tell('a cable is pulled and plugged in: the switch hears of the groups at once', async () => {
      const member = (): boolean => shell('bridge mdb show dev br0').includes('port p0 grp 239.255.0.10');
      await until('the membership', LIMIT_MS, member);
      shell('ip link set p0 down');
      await until('the end of the membership', LIMIT_MS, () => !member());
      shell('ip link set p0 up');
      const at = performance.now();
      await until('the membership again', 3000, member);
      const tookMs = Math.round(performance.now() - at);
      return `${tookMs} ms; ${await whole('again', /239\.255\.0\.10/, undefined, () => page('arrival'))}`;
    });
    await tell('a call becomes a stream', async () => {
      desk = await service(
        join(work, 'desk.yaml'),
        {
          terminal: { id: 'desk' },
          device: { profile: 'simulated', sound: { driver: 'file', microphone: join(work, 'message.wav') } },
          sip: { listen: { udp: '10.34.0.66:5060' } },
        },
        silentLogger,
      );
      const caller = desk;
      const fromMs = Date.now();
      await caller.command({ verb: 'dial', target: 'sip:a@10.34.0.1' }, 'socket');
      await bothSay('connected', /^10\.34\.0\.1 to 239\.255\.0\.10/);
      await new Promise((resolve) => setTimeout(resolve, 2000)); // of the talk
      await caller.command({ verb: 'hangup' }, 'socket');
      const [ended] = await bothSay('ended', /^10\.34\.0\.1 to 239\.255\.0\.10/);
      times.relay = [fromMs, Date.now()];
      return `${ended.reason}`;
    });

    for (const { child } of listeners) child.stdin?.write('\n');
    await Promise.all(listeners.map(({ child }) => new Promise((resolve) => child.once('exit', resolve))));
    const [here, there] = ['b', 'c'].map((id, index): Recording => {
      const recorded = both[index].items.find((item) => 'recorded' in item) as { recorded: number };
      return { ...readWav(join(work, `${id}.wav`)), unixMs: recorded.recorded };
    });
    for (const zone of ['arrival', 'clock', 'relay'])
      await tell(`in step: ${zone}`, async () => {
        const [fromMs, toMs] = times[zone];
        const found = skews(here, there, fromMs, toMs).map(Math.abs);
        const [middle, most] = [median(found), Math.max(...found)];
        const told = `${found.length} windows, median ${middle.toFixed(2)} ms, most ${most.toFixed(2)} ms`;
        if (!(found.length >= 5 && middle <= 1 && most <= 5)) throw new Error(told);
        return told;
      });
    for (const [zone, recording] of [
      ['poly', here],
      ['linksys', there],
      ['six', here],
      ['closed', there],
    ] as const)
      await tell(`heard by ear: ${zone}`, async () => {
        const [fromMs, toMs] = times[zone];
        const level = levelDbfs(cut(recording, fromMs - recording.unixMs, toMs - recording.unixMs));
        if (level < -40) throw new Error(`${level} dBFS`);
        return `${level.toFixed(1)} dBFS`;
      });
  } finally {
    await Promise.all([a?.stop(), desk?.stop()]);
    for (const { child } of listeners) child.kill();
    remove();
  }
}

/** Something whose place in time can be told from any of its parts. */
function noise(file: string, seconds: number): void {
  const samples = new Int16Array(16_000 * seconds);
  let seed = 1;
  let low = 0;
  for (let i = 0; i < samples.length; i++) {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    low = 0.7 * low + 0.3 * (seed / 0x7fffffff - 0.5);
    samples[i] = Math.round(26_000 * low);
  }
  writeFileSync(file, formatWav(samples, 16_000));
}

/** RTP from an address that may not. */
async function strangersPage(): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '10.34.0.66', resolve));
  socket.setMulticastInterface('10.34.0.66');
  const packet = new Uint8Array(172).fill(0xff);
  packet.set([0x80, 0, 0, 1]);
  for (let i = 0; i < 5; i++) {
    packet[3] = i;
    await new Promise((resolve) => socket.send(packet, 5004, '239.255.0.12', resolve));
  }
  socket.close();
}

function expect(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`${text} is not ${pattern}`);
}

async function tell(what: string, step: () => Promise<unknown>): Promise<void> {
  const at = performance.now();
  let ok = true;
  const detail = await step().catch((error: Error) => {
    ok = false;
    return error.message;
  });
  console.log(
    JSON.stringify({ name: what, ok, detail: `${detail ?? ''}`, tookMs: Math.round(performance.now() - at) }),
  );
}
