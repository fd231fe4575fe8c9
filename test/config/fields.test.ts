import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../../src/config/fields.ts';
import { closest } from '../../src/config/problems.ts';
import { brief, checkText, MINIMAL } from './kit.ts';

for (const [text, ms] of [
  ['30ms', 30],
  ['20s', 20_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['1m30s', 90_000],
  ['1.5s', 1500],
  ['0s', 0],
  ['20', undefined],
  ['s', undefined],
  ['20 s', undefined],
  ['-1s', undefined],
  ['1.s', undefined],
  ['20sec', undefined],
  ['', undefined],
] as const) {
  test(`duration ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), ms));
}

for (const [word, known, expected] of [
  ['fro', ['for', 'ring'], 'for'],
  ['conected', ['connected', 'calling'], 'connected'],
  ['volumme', ['volume'], 'volume'],
  ['xyz', ['for', 'ring'], undefined],
  ['a', ['zzzz'], undefined],
] as const) {
  test(`${word} was meant to be ${expected}`, () => assert.equal(closest(word, known), expected));
}

for (const [sentence, secret, expected] of [
  ['in a file beside', '{ file: secrets/a }', 'from the file'],
  ['in the environment', '{ env: SECRET }', 'from the environment'],
  ['a credential of systemd', '{ credential: a }', 'a credential'],
  ['inline', '"in the open"', 'in the open'],
  ['no such file', '{ file: secrets/b }', /cannot read \S+\/secrets\/b: no such file/],
  ['an empty file', '{ file: secrets/empty }', /the secret of file secrets\/empty is empty/],
  ['nothing in the environment', '{ env: OTHER }', /the environment has no OTHER/],
  ['a credential outside', '{ credential: ../a }', /is no name of a credential/],
  ['two places', '{ env: SECRET, file: secrets/a }', /names more than one secret/],
  ['no place', '{}', /names no secret/],
  ['an unknown place', '{ vault: a }', /vault is not known here/],
  ['a number', '1234', /1234 is a number/],
] as const) {
  test(`secret ${sentence}`, () => {
    const files = { 'secrets/a': 'from the file\n', 'secrets/empty': '\n', 'credentials/a': 'a credential' };
    const text = `${MINIMAL}sip: { accounts: { a: { address: "sip:a@b", password: ${secret} } } }\n`;
    const { config, problems } = checkText(text, files, {
      SECRET: 'from the environment',
      CREDENTIALS_DIRECTORY: '$HERE/credentials',
    });
    if (typeof expected === 'string') assert.equal(config?.sip.accounts[0].password, expected);
    else {
      assert.equal(problems.length, 1, problems.map(brief).join('\n'));
      assert.match(brief(problems[0]), /^terminal\.yaml:3 sip\.accounts\.a\.password/);
      assert.match(problems[0].message, expected);
    }
  });
}
