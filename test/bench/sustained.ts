/**
 * OPTIONS, and INVITE with CANCEL, from somebody trusted: the highest rate at which answers come within 50 ms, beside
 * baresip's; then so many times baresip's for 40 s, what a page of somebody else feels of it, and memory before and after.
 *
 * What a peer has answered it remembers for 32 s (RFC 3261 §17.2, timer J), and many get slower by that. So the rate rises
 * until answers are late, and the rate it can keep up is what came in the last 32 s before, over 32 s.
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

const from = '127.43.2.2';
const pager = '127.43.2.3';
const what: Record<Kind, string> = { options: 'OPTIONS', cancel: 'INVITE+CANCEL' };
/** How many times baresip's rate. */
const goals: Record<Kind, number> = { options: 3, cancel: 2 };
const lowest = 25;
const highest: Record<Kind, number> = { options: 12_800, cancel: 1_600 };
const longS = 40;
const timerJS = 32;
/** The time in which everything is forgotten. */
const forgetMs = 40_000;

const run = (kind: Kind, { address, user }: Target, perSecond: number, toPerSecond?: number): Promise<Loaded> =>
  load({ from, to: { address, port: 5060 }, user, perSecond, toPerSecond, seconds: longS, kind });

interface Sustained {
  perSecond: number;
  text: string;
}

async function sustained(kind: Kind, to: Target): Promise<Sustained> {
  const { seconds, overrun, busy, done } = await run(kind, to, lowest, highest[kind]);
  const kept = seconds.slice(-timerJS).reduce((sum, { sent }) => sum + sent, 0);
  const perSecond = Math.round(kept / timerJS);
  const end = overrun ? `late at ${seconds.at(-1)?.sent ?? 0}/s` : 'never late';
  return { perSecond, text: `${perSecond}/s (${end}, ${busy} of ${done} busy)` };
}

await bench(async (t) => {
  const terminal = await startTerminal(t, {
    address: '127.43.2.50',
    env: { HAILPOINT_LOG: 'warn' },
    config: {
      sip: { rate: { known: 100_000 } },
      incoming: [
        { from: '*', source: [pager], answer: 'auto', as: 'page', priority: 8 },
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
  for (const kind of (['options', 'cancel'] as const).filter((one) => one.includes(process.argv[2] ?? ''))) {
    const his = await sustained(kind, theirs);
    const our = await sustained(kind, ours);
    print(`${what[kind]} in time`, theirs.who, his.text);
    print(`${what[kind]} in time`, ours.who, `${our.text}: ${(our.perSecond / his.perSecond).toFixed(1)} times`);
    const rate = Math.round(goals[kind] * his.perSecond);
    const over = run(kind, ours, rate);
    const pagesMs: number[] = [];
    const end = performance.now() + longS * 1_000;
    while (performance.now() < end) {
      // One that is not answered in 5 s counts as that.
      pagesMs.push(
        await page()
          .then(({ answerMs }) => answerMs)
          .catch(() => 5_000),
      );
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const { sent, done, inTime, busy, medianMs, p99Ms } = await over;
    const within = `${((100 * inTime) / sent).toFixed(2)} % within ${inTimeMs} ms`;
    print(
      `${what[kind]} ${rate}/s, ${longS} s`,
      ours.who,
      `${within}, ${sent - done} unanswered, ${busy} busy; ${medianMs.toFixed(2)} ms (p99 ${p99Ms.toFixed(1)})`,
    );
    print('  a page meanwhile', ours.who, spread(pagesMs));
    print('  resident memory', 'at its end', `${residentMb(terminal.pid).toFixed(1)} MB`);
  }
  await new Promise((resolve) => setTimeout(resolve, forgetMs));
  print('resident memory', `${forgetMs / 1000} s later`, `${residentMb(terminal.pid).toFixed(1)} MB`);
});
