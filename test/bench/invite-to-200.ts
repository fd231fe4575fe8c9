/** From an INVITE that asks for an automatic answer to the 200 and to the first RTP packet, beside baresip; memory in a call. */
import { createSocket } from 'node:dgram';
import { Baresip } from '../kit/baresip.ts';
import { leavePeers, peerProcess } from '../kit/peers.ts';
import { header, offer, request, type SipSender, udpSender } from '../kit/sip.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { residentLimitMb, residentMb, startTerminal } from '../kit/terminal.ts';
import { Inbox } from '../kit/wait.ts';
import { bench, print, spread } from './figures.ts';

const runs = 30;
const warmUp = 5;
const caller = '127.0.0.66';

interface Figures {
  answerMs: number[];
  rtpMs: number[];
  residentMb: number;
}

async function measure(address: string, uri: string, pid: number): Promise<Figures> {
  const sender: SipSender = await udpSender(caller, { address, port: 5060 });
  const rtp = createSocket('udp4');
  const packets = new Inbox<number>();
  rtp.on('message', () => packets.put(performance.now()));
  await new Promise<void>((resolve) => rtp.bind(0, caller, resolve));
  const figures: Figures = { answerMs: [], rtpMs: [], residentMb: 0 };
  for (let i = 0; i < warmUp + runs; i++) {
    const seen = packets.items.length;
    const invite = request(sender, 'INVITE', uri, {
      headers: ['Call-Info: <sip:kit>;answer-after=0', 'Content-Type: application/sdp'],
      body: offer(caller, rtp.address().port),
    });
    const callId = header({ text: invite }, 'Call-ID')!;
    const begin = performance.now();
    sender.send(invite);
    const answer = await sender.inbox.take(
      'the 200',
      5_000,
      (item) => item.status >= 200 && header(item, 'Call-ID') === callId,
    );
    if (answer.status !== 200) throw new Error(`the INVITE was answered:\n${answer.text}`);
    const toTag = /;tag=([^;\s]+)/.exec(header(answer, 'To')!)![1];
    const target = /<([^>]+)>/.exec(header(answer, 'Contact')!)![1];
    sender.send(request(sender, 'ACK', target, { callId, toTag }).replace(/^To: .*$/m, `To: ${header(answer, 'To')}`));
    const firstMs = await packets.take('RTP', 5_000, () => true, seen);
    // A second of talk, so that memory is that of a call.
    await packets.take(
      'a second of RTP',
      5_000,
      () => packets.items.length >= seen + (i === warmUp ? 50 : 5),
      seen + 1,
    );
    if (i === warmUp) figures.residentMb = residentMb(pid);
    const bye = request(sender, 'BYE', target, { callId, toTag, sequence: 2 }).replace(
      /^To: .*$/m,
      `To: ${header(answer, 'To')}`,
    );
    sender.send(bye);
    await sender.inbox.take(
      '200 to BYE',
      5_000,
      (item) => item.method === 'BYE' && item.status === 200 && header(item, 'Call-ID') === callId,
    );
    if (i < warmUp) continue;
    figures.answerMs.push(answer.atMs - begin);
    figures.rtpMs.push(firstMs - begin);
  }
  sender.close();
  rtp.close();
  return figures;
}

function show(who: string, { answerMs, rtpMs, residentMb: mb }: Figures): void {
  print('INVITE -> 200', who, spread(answerMs));
  print('INVITE -> first RTP', who, spread(rtpMs));
  print('resident memory in a call', who, `${mb.toFixed(1)} MB`);
}

await bench(async (cleaner) => {
  const cards = await SoundCards.start('a');
  cleaner.after(() => cards.stop());
  for (const [who, sound] of [
    ['hailpoint alsa', { driver: 'alsa', speaker: 'a', microphone: 'a' }],
    ['hailpoint none', { driver: 'none' }],
  ] as const) {
    const terminal = await startTerminal(cleaner, {
      env: cards.env,
      config: {
        device: { profile: 'simulated', sound },
        incoming: [{ from: '*', source: [caller], answer: 'when-asked', as: 'intercom' }],
      },
    });
    // The start leaves garbage that the engine collects when it finds the time.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const figures = await measure(terminal.address, `sip:help-07@${terminal.address}`, terminal.pid);
    show(who, figures);
    await terminal.stop();
    if (figures.residentMb >= residentLimitMb) {
      print('', who, `needs ${residentLimitMb} MB or more: too much`);
      process.exitCode = 1;
    }
  }
  const phone = await Baresip.open('control');
  cleaner.after(() => phone.close());
  cleaner.after(() => leavePeers('control'));
  show('baresip', await measure(phone.address, `sip:2000@${phone.address}`, await peerProcess('control')));
});
