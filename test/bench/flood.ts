/** A scanner at full speed, and what a page of somebody trusted feels of it; memory before and after. */
import { flood } from '../kit/flood.ts';
import { type PageTimes, pages } from '../kit/pages.ts';
import { residentMb, startTerminal } from '../kit/terminal.ts';
import { bench, print, spread } from './figures.ts';

const address = '127.38.0.50';
const caller = '127.38.0.2';
const scanner = '127.38.9.9';
const seconds = 8;

await bench(async (t) => {
  const terminal = await startTerminal(t, {
    address,
    config: { incoming: [{ from: '*', source: [caller], answer: 'auto', as: 'page' }] },
  });
  const page = await pages(t, caller, address);
  for (let i = 0; i < 5; i++) await page();
  print('resident memory', 'before', `${residentMb(terminal.pid).toFixed(1)} MB`);
  for (const method of ['OPTIONS', 'INVITE'] as const)
    for (const perSecond of [1_000, 5_000, 20_000]) {
      const over = flood({ from: scanner, to: { address, port: 5060 }, perSecond, seconds, method });
      await new Promise((done) => setTimeout(done, 1_000));
      const times: PageTimes[] = [];
      const end = performance.now() + (seconds - 2) * 1_000;
      while (performance.now() < end) {
        times.push(await page());
        await new Promise((done) => setTimeout(done, 100));
      }
      const { sent, sentBytes, answers, answerBytes } = await over;
      const what = `${method} ${perSecond}/s: page answered`;
      print(what, 'hailpoint', spread(times.map(({ answerMs }) => answerMs)));
      const share = (answerBytes / Math.max(1, sentBytes)).toFixed(2);
      print('', 'scanner', `${Math.round(sent / seconds)}/s sent, ${answers} answers, ${share} of the bytes back`);
      print('resident memory', 'after', `${residentMb(terminal.pid).toFixed(1)} MB`);
    }
  console.log(JSON.stringify(((await terminal.status()) as unknown as { strangers: unknown }).strangers));
});
