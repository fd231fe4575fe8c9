/** What people are told of the configuration is what the schema says, and the examples load. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageFolder } from '../../src/config/package.ts';
import { configReference } from './fields.ts';
import { brief, checkText } from './kit.ts';

const read = (name: string): string => readFileSync(join(packageFolder, name), 'utf8');

function written(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\*/g, '\\*');
  const rows = configReference().map(({ path, help, expected, default: byDefault }) => {
    const given = byDefault === undefined || typeof byDefault === 'object' ? '' : `\`${byDefault}\``;
    return `| \`${path}\` | ${cell(help)} | ${cell(expected ?? '')} | ${given} |`;
  });
  return `# Every key of terminal.yaml

\`NAME\` is a name of your own, \`[0]\` each entry of a list. What takes several values takes a single one too. Written from the
schema in \`src/config\`: \`npx tsc && WRITE=1 node build/test/config/reference.test.js\`.

| key | what it does | takes | default |
|---|---|---|---|
${rows.join('\n')}
`;
}

test('src/config/README.md names every key once, as the schema has it', () => {
  if (process.env.WRITE !== undefined) writeFileSync(join(packageFolder, 'src/config/README.md'), written());
  assert.equal(
    read('src/config/README.md'),
    written(),
    'write it anew: WRITE=1 node build/test/config/reference.test.js',
  );
});

test('the examples of README and MANUAL load', async () => {
  const [terminal, ...more] = [...(read('README.md') + read('src/MANUAL.md')).matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, text]) => text,
  );
  const files = {
    'board.yaml': read('device/raspberry-pi.yaml'),
    'pbx.secret': 'a secret',
    'mqtt.secret': 'a secret',
    'desk.secret': 'a secret',
  };
  // What begins with the wiring stands in a profile of its own.
  const isProfile = (part: string): boolean => /^(?:sound|buttons):\n {2}driver:/.test(part);
  const profiles = more.filter(isProfile);
  const parts = more.filter((part) => !isProfile(part));
  for (const text of [
    terminal,
    ...parts.map((part) => `terminal: { id: t }\ndevice: simulated\n${part}`),
    ...profiles.map((_, index) => `terminal: { id: t }\ndevice: part-${index}.yaml\n`),
  ]) {
    const wiring = Object.fromEntries(profiles.map((part, index) => [`part-${index}.yaml`, part]));
    const { problems } = await checkText(text, { ...files, ...wiring });
    assert.deepEqual(problems.map(brief), [], text);
  }
});
