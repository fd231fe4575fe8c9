/** Session timers on a bad network: a talk lasts as long as both are there, and no longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Body } from '../../src/sip/ua/index.ts';
import { dice, Network, type Weather } from './network.ts';
import { Terminal } from './terminal.ts';

const body: Body = { contentType: 'application/sdp', bytes: new TextEncoder().encode('v=0') };
const bad: Weather = { loss: 0.2, duplication: 0.1, delayMs: [5, 400] };

/** Two who talk from address to address, sessions of 90 s. `updates`: by UPDATE, else each refresh is a re-INVITE. */
function talking(seed: number, updates: boolean) {
  const roll = dice(seed);
  const network = new Network(bad, roll);
  const ua = { sessionExpiresS: 90 };
  const a = new Terminal('10.0.0.2', 'a', network, roll, {}, ua);
  const b = new Terminal('10.0.0.3', 'b', network, roll, {}, ua);
  let refreshes = 0;
  for (const terminal of [a, b]) {
    // What the wire says of UPDATE is left out on its way.
    const receive = terminal.receive.bind(terminal);
    terminal.receive = (message, hop, now) => {
      if (message.kind === 'request' && message.method === 'UPDATE') refreshes++;
      if (!updates && message.has('Allow')) message.set('Allow', 'INVITE, ACK, BYE, CANCEL');
      receive(message, hop, now);
    };
    terminal.react = (session, event) => {
      if (event.type === 'incoming') terminal.do(terminal.ua.accept(session, body, network.now));
      if (event.type === 'offered') terminal.do(terminal.ua.answerOffer(session, body, network.now));
      if (event.type !== 'refresh') return;
      refreshes++;
      terminal.do(terminal.ua.reinvite(session, () => body, network.now));
    };
  }
  a.do(a.ua.invite({ session: 's', target: `sip:b@${b.host}`, body: () => body }, 0));
  network.run(10_000);
  return { network, a, b, refreshed: () => refreshes };
}

for (const updates of [true, false]) {
  const by = updates ? 'UPDATE' : 're-INVITE';
  test(`half an hour at 20 % loss, kept up by ${by}; ten times`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { network, a, b, refreshed } = talking(seed, updates);
      network.run(1_810_000);
      assert.ok(refreshed() >= 39, `seed ${seed}: ${refreshed()} refreshes`);
      for (const terminal of [a, b]) assert.equal(terminal.ua.counts.sessions, 1, `seed ${seed}`);
    }
  });

  test(`who is gone without a word is missed within 92 s, by ${by}, whichever side it is; ten times`, () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { network, a, b } = talking(seed, updates);
      const [gone, left] = seed % 2 === 0 ? [a, b] : [b, a];
      network.leave(gone);
      network.run(network.now + 92_000);
      assert.equal(left.ua.counts.sessions, 0, `seed ${seed}`);
      network.run(network.now + 64_000);
      assert.equal(left.ua.counts.dialogs, 0, `seed ${seed}`);
    }
  });
}
