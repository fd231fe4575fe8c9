/**
 * From a press at the control socket to the INVITE on the wire, beside baresip's `dial` at its control port. Both are
 * connected already, and rest before each press.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Baresip } from '../kit/baresip.ts';
import { leavePeers } from '../kit/peers.ts';
import { respond, type SipSender, type SipText, udpSender } from '../kit/sip.ts';
import { startTerminal } from '../kit/terminal.ts';
import { bench, print, spread } from './figures.ts';

const runs = 60;
const warmUp = 10;
/** Before each press, for both: nobody presses a help button twice in a breath, and what rests is cold. */
const restMs = 100;
const desk = '127.0.0.61';

/** `start` until the INVITE is here; the desk is busy, so that each call is over at once. */
async function one(socket: SipSender, start: () => Promise<unknown>, over: () => Promise<unknown>): Promise<number> {
  const seen = socket.inbox.items.length;
  const begin = performance.now();
  const started = start();
  const invite: SipText = await socket.inbox.take(
    'an INVITE',
    5_000,
    ({ method, status }) => method === 'INVITE' && status === 0,
    seen,
  );
  socket.send(respond(invite, 486, 'Busy Here'));
  await started;
  await socket.inbox.take('its ACK', 5_000, ({ method }) => method === 'ACK', seen);
  await over();
  return invite.atMs - begin;
}

async function measure(
  who: string,
  socket: SipSender,
  start: () => Promise<unknown>,
  over: () => Promise<unknown>,
): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < warmUp + runs; i++) {
    await setTimeout(restMs);
    const ms = await one(socket, start, over);
    if (i >= warmUp) took.push(ms);
  }
  print('press -> INVITE on the wire', who, spread(took));
}

await bench(async (cleaner) => {
  const terminal = await startTerminal(cleaner, {
    config: {
      calls: { desk: { steps: [{ ring: [`sip:desk@${desk}`], for: '10s' }], cycles: 1 } },
      buttons: { help: { press: { call: 'desk' } } },
    },
  });
  const phone = await Baresip.open('baresip');
  cleaner.after(() => phone.close());
  cleaner.after(() => leavePeers('baresip'));

  const control = connect(join(terminal.directory, 'control.sock'));
  cleaner.after(() => void control.destroy());
  await once(control, 'connect');
  const towardsTerminal = await udpSender(desk, { address: terminal.address, port: 5060 }, 5060);
  let from = 0;
  await measure(
    'hailpoint',
    towardsTerminal,
    () => {
      from = terminal.events.items.length;
      control.write('{"command":"press","button":"help","forMs":20}\n');
      return once(control, 'data');
    },
    async () => {
      await terminal.event({ type: 'release' }, 5_000, from);
      await terminal.event({ type: 'call', state: 'failed' }, 5_000, from);
    },
  );
  towardsTerminal.close();

  const towardsPhone = await udpSender(desk, { address: phone.address, port: 5060 }, 5060);
  cleaner.after(() => towardsPhone.close());
  let events = 0;
  await measure(
    'baresip',
    towardsPhone,
    () => {
      events = phone.events.items.length;
      return phone.command('dial', `sip:desk@${desk}`);
    },
    () => phone.event('CALL_CLOSED', 5_000, events),
  );
});
