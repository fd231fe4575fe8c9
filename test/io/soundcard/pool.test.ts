/** However many drivers hang, one thread of the process is left for the disk and for names. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inPool } from '../../../src/io/soundcard/alsa-pool.ts';

/** A call of C that returns when it is let go. */
class Call {
  begun = false;
  #done: (error: Error | null, result: number) => void = () => {};

  async(argument: number, done: (error: Error | null, result: number) => void): void {
    this.begun = true;
    this.#done = (error, result) => done(error, result + argument);
  }

  return(result: number, error: Error | null = null): void {
    this.#done(error, result);
  }
}

test('three at once, the others in their turn', async () => {
  const calls = [0, 1, 2, 3, 4].map(() => new Call());
  const results = calls.map((call, index) => inPool(call, index));
  const begun = (): string => calls.map((call) => (call.begun ? 'x' : '-')).join('');
  assert.equal(begun(), 'xxx--');
  calls[1].return(100);
  assert.equal(begun(), 'xxxx-');
  assert.equal(await results[1], 101);
  calls[0].return(0, new Error('koffi'));
  await assert.rejects(results[0], /koffi/);
  assert.equal(begun(), 'xxxxx');
  for (const index of [2, 3, 4]) calls[index].return(0);
  assert.deepEqual(await Promise.all(results.slice(2)), [2, 3, 4]);
});
