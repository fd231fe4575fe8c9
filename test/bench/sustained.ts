/**
 * OPTIONS, and INVITE with CANCEL, from somebody trusted: the highest rate at which answers come within 50 ms, beside
 * baresip's; then so many times baresip's for 40 s, what a page of somebody else feels of it, and memory before and after.
 */
import { Baresip } from '../kit/baresip.ts';
import { inTimeMs, type Loaded, load } from '../kit/load.ts';
import { pages } from '../kit/pages.ts';
import { leavePeers } from '../kit/peers.ts';
import { residentMb, startTerminal } from '../kit/terminal.ts';
import { bench, print, spread } from './figures.ts';

type Kind = 'options' | 'cancel';
interface Target {
  who: string;
  address: string;
  user: string;
}

const from = '127.43.0.2';
const pager = '127.43.0.3';
const what: Record<Kind, string> = { options: 'OPTIONS', cancel: 'INVITE+CANCEL' };
/** How many times baresip's rate. */
const goals: Record<Kind, number> = { options: 3, cancel: 2 };
/** An attempt, s; the last one; and the time all timers of RFC 3261 need to forget it. */
const attemptS = 3;
const longS = 40;
const forgetMs = 40_000;
/** Of a whole exchange of datagrams nobody repeats, this share must be there in time. */
const share = 0.995;
const [lowest, highest] = [50, 12_800];

const run = (kind: Kind, to: Target, perSecond: number, seconds: number): Promise<Loaded> =>
  load({ from, to: { address: to.address, port: 5060 }, user: to.user, perSecond, seconds, kind });

const kept = (loaded: Loaded, perSecond: number, seconds: number): boolean =>
  loaded.inTime >= share * loaded.sent && loaded.sent >= 0.95 * perSecond * seconds;

/** Doubled until it is too much, then halved into that step twice. 0: not even the lowest. */
async function sustained(kind: Kind, to: Target): Promise<number> {
  const holds = async (perSecond: number): Promise<boolean> => {
    const done = kept(await run(kind, to, perSecond, attemptS), perSecond, attemptS);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return done;
  };
  let good = 0;
  let next = lowest;
  while (next <= highest && (await holds(next))) {
    good = next;
    next *= 2;
  }
  for (let step = good / 2; good > 0 && good < highest && step > good / 5; step /= 2)
    if (await holds(good + step)) good += step;
  return Math.round(good);
}

await bench(async (t) => {
  const terminal = await startTerminal(t, {
    address: '127.43.0.50',
    env: { HAILPOINT_LOG: 'warn' },
    config: {
      sip: { rate: { known: 100_000 } },
      incoming: [
        { from: '*', source: [pager], answer: 'auto', as: 'page' },
        { from: '*', source: [from], answer: 'ring', as: 'intercom' },
      ],
    },
  });
  const phone = await Baresip.open('baresip');
  t.after(() => phone.close());
  t.after(() => leavePeers('baresip'));
  const ours: Target = { who: 'hailpoint', address: terminal.address, user: 'help-07' };
  const theirs: Target = { who: 'baresip', address: phone.address, user: '1002' };
  const page = await pages(t, pager, terminal.address);
  for (let i = 0; i < 5; i++) await page();
  print('resident memory', 'before', `${residentMb(terminal.pid).toFixed(1)} MB`);
  for (const kind of ['options', 'cancel'] as const) {
    const his = await sustained(kind, theirs);
    const our = await sustained(kind, ours);
    print(`${what[kind]} in time`, theirs.who, `${his}/s`);
    print(`${what[kind]} in time`, ours.who, `${our}/s: ${(our / Math.max(1, his)).toFixed(1)} times`);
    const rate = Math.max(goals[kind] * his, lowest);
    const over = run(kind, ours, rate, longS);
    const pagesMs: number[] = [];
    const end = performance.now() + longS * 1_000;
    while (performance.now() < end) {
      pagesMs.push((await page()).answerMs);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const { sent, done, inTime, medianMs, p99Ms } = await over;
    const within = `${((100 * inTime) / sent).toFixed(2)} % within ${inTimeMs} ms`;
    print(
      `${what[kind]} ${rate}/s, ${longS} s`,
      ours.who,
      `${within}, ${sent - done} unanswered; ${medianMs.toFixed(2)} ms (p99 ${p99Ms.toFixed(1)})`,
    );
    print('  a page meanwhile', ours.who, spread(pagesMs));
    print('  resident memory', 'at its end', `${residentMb(terminal.pid).toFixed(1)} MB`);
  }
  await new Promise((resolve) => setTimeout(resolve, forgetMs));
  print('resident memory', `${forgetMs / 1000} s later`, `${residentMb(terminal.pid).toFixed(1)} MB`);
});
