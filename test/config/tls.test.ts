/** `sip.tls`: certificates and keys come out as PEM, and what does not belong together is said. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { authorities, fingerprintOf, withoutOpenssl } from '../kit/certificates.ts';
import { brief, checkText, MINIMAL } from './kit.ts';

const skip = withoutOpenssl;

function make() {
  const made = authorities('authority');
  after(() => made.remove());
  const { authority } = made;
  return { ca: authority.certificate, ours: authority.sign({}), other: authority.sign({}) };
}
const c = withoutOpenssl === false ? make() : undefined!;
const files = () => ({
  'ca.pem': c.ca,
  'own.pem': c.ours.certificate,
  'own.key': c.ours.key,
  'other.key': c.other.key,
});

test('all of it, with the fingerprint as openssl prints it', { skip }, () => {
  const colons = fingerprintOf(c.ca)
    .toUpperCase()
    .replace(/..(?!$)/g, '$&:');
  const text = `${MINIMAL}sip:
  listen: { udp: "0.0.0.0:5060", tls: "0.0.0.0:5061" }
  tls: { ca: ca.pem, certificate: own.pem, key: own.key, fingerprint: "sha256:${colons}" }
  accounts:
    a: { address: "sips:help@pbx.test", servers: [ "sip:10.0.0.2;transport=tls", "sips:10.0.0.3" ] }
`;
  const { config, problems, warnings } = checkText(text, files());
  assert.deepEqual([problems.map(brief), warnings.map(brief)], [[], []]);
  const { listen, tls, accounts } = config!.sip;
  assert.deepEqual(listen.tls, [{ host: '0.0.0.0', port: 5061 }]);
  const { certificate, key } = c.ours;
  assert.deepEqual(
    { ...tls, key: tls?.key?.trim() },
    { ca: c.ca, certificate, key: key.trim(), fingerprints: [fingerprintOf(c.ca)] },
  );
  assert.equal(accounts[0].username, 'help');
  assert.deepEqual(accounts[0].servers, ['sip:10.0.0.2;transport=tls', 'sips:10.0.0.3']);
});

test('an authority that is cut off', { skip }, () => {
  const cut = c.ca.slice(0, -60);
  const { problems } = checkText(`${MINIMAL}sip: { tls: { ca: ca.pem } }\n`, { 'ca.pem': c.ca + cut });
  assert.match(
    problems.map(brief).join(),
    /^terminal\.yaml:3 sip\.tls\.ca: \S+ca\.pem has a certificate that cannot be read$/,
  );
});

for (const [sentence, key, expected] of [
  ['from a credential of systemd', '{ credential: key }', undefined],
  ['from the environment', '{ env: KEY }', undefined],
  ['of another certificate', 'other.key', 'terminal.yaml:3 sip.tls.key: this is not the key of the certificate'],
  ['in a file that holds another thing', 'ca.pem', 'terminal.yaml:3 sip.tls.key: this is no private key in PEM'],
  [
    'in a file that is not there',
    'gone.key',
    /^terminal\.yaml:3 sip\.tls\.key: cannot read \S+gone\.key: no such file$/,
  ],
] as const) {
  test(`a key ${sentence}`, { skip }, () => {
    const text = `${MINIMAL}sip: { tls: { certificate: own.pem, key: ${key} } }\n`;
    const env = { CREDENTIALS_DIRECTORY: '$HERE/credentials', KEY: c.ours.key };
    const { config, problems } = checkText(text, { ...files(), 'credentials/key': c.ours.key }, env);
    if (expected === undefined) {
      assert.deepEqual(problems.map(brief), []);
      assert.equal(config?.sip.tls?.key, c.ours.key.trim());
    } else {
      assert.equal(problems.length, 1, problems.map(brief).join('\n'));
      if (typeof expected === 'string') assert.equal(brief(problems[0]), expected);
      else assert.match(brief(problems[0]), expected);
    }
  });
}
