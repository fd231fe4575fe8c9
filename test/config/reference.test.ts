/** What people are told of the configuration is what the schema says, and the examples load. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configReference } from '../../src/config/load.ts';
import { packageFolder } from '../../src/config/package.ts';
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

test('the examples of the README load', async () => {
  const [terminal, ...more] = [...read('README.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text);
  const files = {
    'board.yaml': read('device/raspberry-pi.yaml'),
    'pbx.secret': 'a secret',
    'mqtt.secret': 'a secret',
    'desk.secret': 'a secret',
  };
  for (const text of [terminal, ...more.map((part) => `terminal: { id: t }\ndevice: simulated\n${part}`)]) {
    const { problems } = await checkText(text, files);
    assert.deepEqual(problems.map(brief), [], text);
  }
});
