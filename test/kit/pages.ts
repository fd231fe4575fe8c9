/** Pages from a certain address, one after the other: INVITE, 200, ACK, BYE, and how long the answers took. */
import { header, offer, request, udpSender } from './sip.ts';
import type { Cleaner } from './terminal.ts';

export interface PageTimes {
  tryingMs: number;
  answerMs: number;
}

/** A function that makes one page of the terminal at `address`, whose rules let `from` do so. */
export async function pages(t: Cleaner, from: string, address: string): Promise<() => Promise<PageTimes>> {
  const sender = await udpSender(from, { address, port: 5060 });
  t.after(() => sender.close());
  return async () => {
    const invite = request(sender, 'INVITE', `sip:help@${address}`, {
      headers: ['Content-Type: application/sdp'],
      body: offer(from, 40_000),
    });
    const callId = header({ text: invite }, 'Call-ID')!;
    const seen = sender.inbox.items.length;
    const begin = performance.now();
    const of = (what: string, status: number) =>
      sender.inbox.take(what, 5_000, (item) => item.status === status && header(item, 'Call-ID') === callId, seen);
    sender.send(invite);
    const trying = await of('100', 100);
    const answer = await of('200', 200);
    const toTag = /;tag=([^;\s]+)/.exec(header(answer, 'To')!)![1];
    const target = /<([^>]+)>/.exec(header(answer, 'Contact')!)![1];
    sender.send(request(sender, 'ACK', target, { callId, toTag }));
    sender.send(request(sender, 'BYE', target, { callId, toTag, sequence: 2 }));
    await sender.inbox.take(
      '200 to BYE',
      5_000,
      (item) => item.method === 'BYE' && header(item, 'Call-ID') === callId,
      seen,
    );
    return { tryingMs: trying.atMs - begin, answerMs: answer.atMs - begin };
  };
}
