/** The kit proved with a telephone of others in the terminal's place: what fails here is not the program's fault. */
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { until } from '../kit/wait.ts';
import { judge, readWav } from '../kit/wav.ts';

test('Asterisk pages the reference terminal, which hears that speech', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const phone = await Baresip.open('baresip');
  t.after(() => phone.close());
  t.after(() => leavePeers('baresip', 'asterisk'));
  await until('1002 to be registered', 10_000, async () => (await pbx.contacts('1002')).length > 0);
  const speech = await mediaFile('announce.wav');
  await heard(t, 'at the telephone', async () => {
    const from = phone.events.items.length;
    await pbx.originate('Local/71002@intercom');
    await phone.event('CALL_ESTABLISHED', 5_000, from);
    await phone.event('CALL_CLOSED', 20_000, from);
    return judge(readWav(phone.recording), readWav(speech));
  });
});
