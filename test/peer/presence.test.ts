/** Kamailio as the server of our presence (RFC 3903) and of what it knows of our registration (RFC 3680). */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { peerEnvironment, startPeers, stopPeers } from '../kit/peers.ts';
import { header, request, respond, type SipText, transact, udpSender } from '../kit/sip.ts';
import { net, startTerminal, type TerminalProcess, type Traced } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const proxy = `${net}.20`;
const aor = `sip:help@${proxy}`;
/** It grants so much at most: refreshes come within the test. */
const grantedS = 6;
const watcher = `${net}.66`;

let terminal: TerminalProcess;
const undo: (() => Promise<void> | void)[] = [];

test.before(async () => {
  await stopPeers('kamailio');
  await startPeers(['kamailio'], { PEERS_KAM_STATE: String(grantedS) });
  const cleaner = { after: (done: () => Promise<void> | void) => void undo.unshift(done) };
  terminal = await startTerminal(cleaner, {
    config: {
      sip: {
        accounts: {
          kam: {
            address: aor,
            servers: [`sip:${proxy}`],
            username: 'help',
            password: 'pwhelp',
            expires: '60s',
            presence: true,
            'watch-registration': true,
          },
        },
      },
    },
  });
  await terminal.registered('kam');
});
test.after(async () => {
  for (const done of undo) await done();
  await stopPeers('kamailio');
});

/** What has passed, oldest first: ours of a method, or what matches. */
const passed = async (direction: Traced['direction'], pattern: RegExp): Promise<Traced[]> =>
  (await terminal.sip()).filter((one) => one.direction === direction && pattern.test(one.text));

test('our PUBLISH is taken, refreshed by its etag, and told to who watches', { timeout: 60_000 }, async (t) => {
  const sender = await udpSender(watcher, { address: proxy, port: 5060 });
  t.after(() => sender.close());
  /** For as long as the server grants; it says at once how things stand, and then what changes. */
  const watch = async (): Promise<void> => {
    const headers = ['Event: presence', 'Accept: application/pidf+xml', 'Expires: 60'];
    const granted = await transact(sender, request(sender, 'SUBSCRIBE', aor, { headers }));
    assert.match(String(granted.status), /^20[02]$/, granted.text);
  };
  let seen = 0;
  const shows = async (pattern: RegExp): Promise<SipText> => {
    const { inbox } = sender;
    const fits = ({ method, status, text }: SipText): boolean =>
      method === 'NOTIFY' && status === 0 && pattern.test(text);
    const notify = await inbox.take(`a NOTIFY with ${pattern}`, 10_000, fits, seen);
    seen = inbox.items.indexOf(notify) + 1;
    sender.send(respond(notify, 200, 'OK'));
    return notify;
  };
  await watch();
  const free = await shows(/<basic>open<\/basic>/);
  assert.match(free.text, new RegExp(`entity="${aor}"`));
  assert.doesNotMatch(free.text, /on-the-phone/);

  // A refresh names the state and carries none (§4.1).
  const refresh = await until('the refresh', 2_000 * grantedS, async () =>
    (await passed('out', /^PUBLISH [\s\S]*^SIP-If-Match:/m)).at(0),
  );
  assert.match(refresh.text, /^Content-Length: *0\r$/m);
  const [first, second] = await until('two etags', 5_000, async () => {
    const taken = await passed('in', /^SIP\/2\.0 200 [\s\S]*^CSeq: *\d+ PUBLISH/m);
    return taken.length >= 2 && taken;
  });
  const etag = (message: { text: string }): string | undefined => header(message, 'SIP-ETag');
  assert.equal(header(refresh, 'SIP-If-Match'), etag(first));
  assert.ok(etag(second), second.text);
  assert.deepEqual(await passed('in', /^SIP\/2\.0 412/), []);

  await watch();
  await shows(/<basic>open/);
  await terminal.command('dial', { target: `sip:nobody@${watcher}:5060` });
  await shows(/on-the-phone/);
  await terminal.command('hangup');
  await until('to be seen free again', 15_000, async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await watch();
    return !/on-the-phone/.test((await shows(/<basic>/)).text);
  });
});

test('the registrar drops our binding: its NOTIFY says so, and we are back at once', { timeout: 60_000 }, async () => {
  const { PEERS_STATE } = await peerEnvironment();
  const ask = (...words: string[]) =>
    promisify(execFile)('kamcmd', ['-s', `unix:${join(PEERS_STATE, 'kamailio/ctl.sock')}`, ...words]);
  await until('the state of the registration', 10_000, async () => (await passed('in', /<reginfo /)).length > 0);
  const before = (await terminal.sip()).length;
  await ask('ul.rm', 'location', 'help');
  const since = async (direction: string, pattern: RegExp): Promise<Traced | undefined> =>
    (await terminal.sip()).slice(before).find((one) => one.direction === direction && pattern.test(one.text));
  await until('the NOTIFY of it', 5_000, () => since('in', /<contact [^>]*state="terminated"/));
  await until('to be registered anew', 5_000, () => since('in', /^SIP\/2\.0 200 [\s\S]*^CSeq: *\d+ REGISTER/m));
  assert.match((await ask('ul.lookup', 'location', 'help')).stdout, new RegExp(terminal.address));
});
