import assert from 'node:assert/strict';
import test from 'node:test';
import { giveBack, MemoryKeeper } from '../../src/io/memory.ts';

const usedMb = (): number => process.memoryUsage().heapUsed / 2 ** 20;

function litter(): number {
  const objects = Array.from({ length: 500_000 }, (_, i) => ({ i, text: `object ${i}` }));
  return objects.length && usedMb();
}

test('what nobody holds any more is gone', () => {
  const before = litter();
  giveBack();
  assert.ok(usedMb() < before - 20, `${before} MB, then ${usedMb()} MB`);
});

test('it looks every five seconds: not while much goes on, and then it rests', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let state: 'busy' | 'engaged' = 'busy';
  const keeper = new MemoryKeeper(() => state);
  keeper.start();
  const before = litter();
  t.mock.timers.tick(5_000);
  assert.ok(usedMb() > before - 20, 'much goes on');
  state = 'engaged';
  t.mock.timers.tick(5_000);
  const after = usedMb();
  assert.ok(after < before - 20, `${before} MB, then ${after} MB`);
  const again = litter();
  t.mock.timers.tick(5_000);
  assert.ok(usedMb() > again - 20, 'it rests');
  keeper.stop();
});
