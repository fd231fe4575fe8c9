import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spoken } from '../../src/app/codecs.ts';
import type { CodecName } from '../../src/sdp/index.ts';

for (const [sentence, configured, missing, expected, warned] of [
  ['with libopus all of them', ['opus', 'g722', 'pcma'], undefined, 'opus g722 pcma', 0],
  ['without it the others, and one line', ['opus', 'g722', 'pcma'], 'no libopus', 'g722 pcma', 1],
  ['without it and nothing else: what every telephone has', ['opus'], 'no libopus', 'pcma pcmu', 1],
  ['nobody asked for it: no line', ['g722'], 'no libopus', 'g722', 0],
] as [string, CodecName[], string | undefined, string, number][])
  test(sentence, () => {
    const lines: string[] = [];
    const log = (message: string): number => lines.push(message);
    const logger = { debug: log, info: log, warn: log, error: log };
    assert.equal(spoken(configured, logger, () => missing).join(' '), expected);
    assert.equal(lines.length, warned);
  });
