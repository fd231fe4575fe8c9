/** What we subscribe to and publish ourselves: our registration (RFC 3680) and presence (RFC 3903), in virtual time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import { bindingIn } from '../../../src/sip/ua/reginfo.ts';
import { scanXml, XML_BYTES_MAX } from '../../../src/sip/ua/xml.ts';
import { ACCOUNT, answer, CONFIG, offer, Peer } from './peer.ts';

const CONTACT = '<sip:1001@127.66.0.1:5060>';
const reginfo = (state: string, uri = 'sip:1001@127.66.0.1:5060', event = 'deactivated'): string =>
  `<?xml version="1.0"?><!-- x --><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
  <registration aor="sip:1001@127.66.0.10" id="a" state="active"><contact id="1" state="${state}" event="${event}"><uri>${uri}</uri></contact></registration></reginfo>`;

describe('reginfo', () => {
  for (const [name, document, expected] of [
    ['ours is gone', reginfo('terminated'), 'lost'],
    ['ours is there', reginfo('active'), 'active'],
    ['another phone is gone', reginfo('terminated', 'sip:1001@127.66.0.7'), 'unknown'],
    ['gone once, there once', reginfo('terminated') + reginfo('active'), 'active'],
    ['no document', 'hello', 'unknown'],
    ['a prefix on each name', reginfo('terminated').replace(/<(\/?)(contact|uri)/g, '<$1r:$2'), 'lost'],
    ['entities of its own are not read', `<!DOCTYPE x [<!ENTITY a "b">]>${reginfo('terminated')}`, 'unknown'],
    ['a tag without an end', '<contact state="terminated', 'unknown'],
  ] as const)
    test(name, () => assert.equal(bindingIn(Buffer.from(document), CONTACT), expected));

  test('too long, or too much of it, is not read', () => {
    assert.equal(scanXml(Buffer.from(`<a>${' '.repeat(XML_BYTES_MAX)}</a>`)), undefined);
    assert.equal(scanXml(Buffer.from('<a/>'.repeat(3_000))), undefined);
    const startedMs = performance.now();
    scanXml(Buffer.from(`<a ${'b = '.repeat(15_000)}`));
    scanXml(Buffer.from('<'.repeat(60_000)));
    assert.ok(performance.now() - startedMs < 500);
  });
});

function subscribed() {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, watchRegistration: true }] }).register();
  peer.pass(1);
  const subscribe = peer.request('SUBSCRIBE');
  const tag = subscribe.fromTag;
  const notify = (body: string, state = 'active;expires=600', event = 'reg'): void =>
    void peer.ask('NOTIFY', {
      callId: subscribe.callId,
      to: `<sip:1001@127.66.0.10>;tag=${tag}`,
      from: '<sip:1001@127.66.0.10>;tag=srv',
      headers: [
        ['Event', event],
        ['Subscription-State', state],
      ],
      body: { contentType: 'application/reginfo+xml', bytes: Buffer.from(body) },
    });
  return { peer, subscribe, notify };
}

/** Time passes, and the server is alive: what it is asked besides `method` it answers. */
function live(peer: Peer, ms: number, method: string): SipRequest | undefined {
  let found: SipRequest | undefined;
  for (const end = peer.now + ms; peer.now < end; ) {
    peer.pass(Math.min(400, end - peer.now));
    for (const message of peer.take()) {
      if (message.kind !== 'request') continue;
      if (message.method === method) found = message;
      else peer.reply(message, 200);
    }
  }
  return found;
}

describe('our own registration', () => {
  test('is subscribed to once it stands', () => {
    const { subscribe } = subscribed();
    assert.equal(subscribe.header('Event'), 'reg');
    assert.equal(subscribe.header('Accept'), 'application/reginfo+xml');
    assert.equal(subscribe.uri, 'sip:1001@127.66.0.10');
  });

  test('a binding that the registrar dropped is made anew at once, and not in a loop', () => {
    const { peer, subscribe, notify } = subscribed();
    peer.reply(subscribe, 200, { tag: 'srv', headers: [['Expires', '600']] });
    notify(reginfo('active'));
    assert.deepEqual(peer.lines(), ['200 NOTIFY']);
    notify(reginfo('terminated'));
    const sent = peer.take();
    const register = sent.find((message) => message.kind === 'request' && message.method === 'REGISTER');
    assert.ok(register?.kind === 'request');
    peer.reply(register, 200);
    notify(reginfo('terminated'));
    assert.deepEqual(peer.lines(), ['200 NOTIFY']);
  });

  test('the NOTIFY may come before the 200', () => {
    const { peer, notify } = subscribed();
    notify(reginfo('active'));
    assert.deepEqual(peer.lines(), ['200 NOTIFY']);
  });

  test('a NOTIFY of another package is none of it', () => {
    const { peer, notify } = subscribed();
    notify(reginfo('active'), 'active', 'presence');
    assert.deepEqual(peer.lines(), ['481 NOTIFY']);
  });

  test('refreshed in its dialog before it expires', () => {
    const { peer, subscribe, notify } = subscribed();
    peer.reply(subscribe, 200, { tag: 'srv', headers: [['Expires', '100']] });
    notify(reginfo('active'), 'active;expires=100');
    peer.take();
    const refresh = live(peer, 81_000, 'SUBSCRIBE');
    assert.equal(refresh?.toTag, 'srv');
    assert.equal(refresh?.callId, subscribe.callId);
  });

  test('a server that does not know the package is left alone for an hour', () => {
    const { peer, subscribe } = subscribed();
    peer.reply(subscribe, 489);
    assert.equal(live(peer, 3_500_000, 'SUBSCRIBE'), undefined);
  });
});

function published() {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, presence: true }] }).register();
  peer.pass(1);
  const publish = peer.request('PUBLISH');
  return { peer, publish };
}

const tagged = (etag: string): { headers: [string, string][] } => ({
  headers: [
    ['SIP-ETag', etag],
    ['Expires', '3600'],
  ],
});

describe('presence', () => {
  test('open, once registered', () => {
    const { publish } = published();
    assert.equal(publish.header('Event'), 'presence');
    assert.equal(publish.contentType, 'application/pidf+xml');
    assert.match(Buffer.from(publish.body).toString(), /<basic>open<\/basic>/);
    assert.doesNotMatch(Buffer.from(publish.body).toString(), /on-the-phone/);
    assert.equal(publish.has('SIP-If-Match'), false);
  });

  test('on the phone while it is, by the name of what the server knows', () => {
    const { peer, publish } = published();
    peer.reply(publish, 200, tagged('e1'));
    peer.ask('INVITE', { body: offer });
    peer.do(peer.ua.accept(peer.session, answer, peer.now));
    peer.take();
    peer.pass(1_000);
    const busy = peer.take().find((m) => m.kind === 'request' && m.method === 'PUBLISH');
    assert.ok(busy?.kind === 'request');
    assert.equal(busy.header('SIP-If-Match'), 'e1');
    assert.match(Buffer.from(busy.body).toString(), /on-the-phone/);
    peer.reply(busy, 200, tagged('e2'));
    peer.do(peer.ua.end(peer.session, peer.now));
    peer.take();
    peer.pass(1_000);
    const free = peer.take().find((m) => m.kind === 'request' && m.method === 'PUBLISH');
    assert.equal(free?.header('SIP-If-Match'), 'e2');
  });

  test('refreshed without a body', () => {
    const { peer, publish } = published();
    peer.reply(publish, 200, {
      headers: [
        ['SIP-ETag', 'e1'],
        ['Expires', '100'],
      ],
    });
    const refresh = live(peer, 81_000, 'PUBLISH');
    assert.equal(refresh?.header('SIP-If-Match'), 'e1');
    assert.equal(refresh?.body.length, 0);
  });

  test('412: the server has forgotten, and is told again, whole', () => {
    const { peer, publish } = published();
    peer.reply(publish, 200, {
      headers: [
        ['SIP-ETag', 'e1'],
        ['Expires', '100'],
      ],
    });
    const refresh = live(peer, 81_000, 'PUBLISH');
    assert.ok(refresh?.kind === 'request');
    peer.reply(refresh, 412);
    peer.pass(10);
    const again = peer.request('PUBLISH');
    assert.equal(again.has('SIP-If-Match'), false);
    assert.ok(again.body.length > 0);
  });

  test('taken away at the stop', () => {
    const { peer, publish } = published();
    peer.reply(publish, 200, tagged('e1'));
    peer.do(peer.ua.stop(peer.now));
    const last = peer.request('PUBLISH');
    assert.equal(last.header('Expires'), '0');
    assert.equal(last.header('SIP-If-Match'), 'e1');
  });
});
