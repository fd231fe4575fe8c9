/** A scanner at full speed, and what a page of somebody trusted feels of it; memory before and after. */
import { flood } from '../kit/flood.ts';
import { header, offer, request, udpSender } from '../kit/sip.ts';
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
  const sender = await udpSender(caller, { address, port: 5060 });
  t.after(() => sender.close());
  const page = async (): Promise<{ tryingMs: number; answerMs: number }> => {
    const invite = request(sender, 'INVITE', `sip:help@${address}`, {
      headers: ['Content-Type: application/sdp'],
      body: offer(caller, 40_000),
    });
    const callId = header({ text: invite }, 'Call-ID')!;
    const begin = performance.now();
    const of = (what: string, status: number) =>
      sender.inbox.take(what, 5_000, (item) => item.status === status && header(item, 'Call-ID') === callId);
    sender.send(invite);
    const trying = await of('100', 100);
    const answer = await of('200', 200);
    const toTag = /;tag=([^;\s]+)/.exec(header(answer, 'To')!)![1];
    const target = /<([^>]+)>/.exec(header(answer, 'Contact')!)![1];
    sender.send(request(sender, 'ACK', target, { callId, toTag }));
    sender.send(request(sender, 'BYE', target, { callId, toTag, sequence: 2 }));
    await sender.inbox.take('200 to BYE', 5_000, (item) => item.method === 'BYE' && header(item, 'Call-ID') === callId);
    return { tryingMs: trying.atMs - begin, answerMs: answer.atMs - begin };
  };
  for (let i = 0; i < 5; i++) await page();
  print('resident memory', 'before', `${residentMb(terminal.pid).toFixed(1)} MB`);
  for (const method of ['OPTIONS', 'INVITE'] as const)
    for (const perSecond of [1_000, 5_000, 20_000]) {
      const over = flood({ from: scanner, to: { address, port: 5060 }, perSecond, seconds, method });
      await new Promise((done) => setTimeout(done, 1_000));
      const times: { tryingMs: number; answerMs: number }[] = [];
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
