/** The kit proved with a telephone of others in the terminal's place: what fails here is not the program's fault. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { until } from '../kit/wait.ts';
import { judge, readWav } from '../kit/wav.ts';

test('Asterisk pages the reference terminal, which hears that speech', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const phone = await Baresip.open('baresip');
  t.after(() => phone.close());
  t.after(() => leavePeers('baresip', 'asterisk'));
  await until('1002 to be registered', 10_000, async () => (await pbx.contacts('1002')).length > 0);
  await pbx.originate('Local/71002@intercom');
  await phone.event('CALL_ESTABLISHED', 5_000);
  await phone.event('CALL_CLOSED', 20_000);
  const verdict = judge(readWav(phone.recording), readWav(await mediaFile('announce.wav')));
  assert.ok(verdict.match >= 0.85, JSON.stringify(verdict));
  assert.equal(verdict.clipped, 0);
});
