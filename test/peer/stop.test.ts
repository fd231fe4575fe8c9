/** SIGTERM in a call: the PBX sees a BYE and the end of the registration, and the process is gone within 5 s. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { checkout } from '../kit/checkout.ts';
import { asterisk, leavePeers } from '../kit/peers.ts';
import { account, startTerminal } from '../kit/terminal.ts';

test.after(() => leavePeers('asterisk'));

test('a clean stop', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await startTerminal(t, {
    config: {
      sip: { accounts: { pbx: account('1001') } },
      calls: { desk: { steps: [{ ring: ['sip:601@127.0.0.10'] }] } },
      buttons: { help: { press: { call: 'desk' } } },
      outputs: { called: { on: ['calling', 'connected'] } },
    },
  });
  await terminal.registered();
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const mark = pbx.mark();
  const { code, ms } = await terminal.stop();
  assert.equal(code, 0, terminal.log);
  assert.ok(ms < 5_000, `it took ${ms} ms`);
  t.diagnostic(`stopped in ${Math.round(ms)} ms`);
  await pbx.logged(mark, /^BYE sip:/m, 2_000);
  await pbx.logged(mark, /^REGISTER sip:[\s\S]*?^Expires: 0\s*$/m, 2_000);
  assert.deepEqual(await pbx.contacts('1001'), []);

  // The journal tells of it when the service runs again, the lamp's end included.
  await terminal.run();
  await terminal.event({ type: 'call', state: 'ended', cause: 'stopping' }, 5_000);
  await terminal.event({ type: 'output', output: 'called', on: false }, 5_000);
  await terminal.event({ type: 'config', state: 'stopped' }, 5_000);
});

test('a PBX that does not answer holds no stop up', { timeout: 60_000 }, async (t) => {
  const nobody = account('1001', { servers: ['sip:127.0.0.99'] });
  const terminal = await startTerminal(t, { config: { sip: { accounts: { pbx: nobody } } } });
  const { code, ms } = await terminal.stop();
  assert.equal(code, 0, terminal.log);
  assert.ok(ms < 5_000, `it took ${ms} ms`);
});

test('without a service the commands say so and end with 1', () => {
  const env = { ...process.env, HAILPOINT_SOCKET: '/nonexistent/control.sock' };
  for (const args of [['status'], ['press', 'help'], ['hangup']]) {
    const { status, stderr } = spawnSync(process.execPath, ['src/cli/hailpoint.mjs', ...args], {
      cwd: checkout,
      env,
      encoding: 'utf8',
    });
    assert.equal(status, 1, args.join(' '));
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
