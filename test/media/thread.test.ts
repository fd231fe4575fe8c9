/** The loop of the media thread, in a time of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { NoCard, type SoundCard } from '../../src/io/soundcard/index.ts';
import { MediaThread } from '../../src/media/thread.ts';
import { handsfreeDefaults } from '../../src/media/types.ts';

/** Asks for a tick at once, always. `onRest`: right before the thread sleeps; `wanted`: the loudspeaker is. */
function hasty(onRest: (wanted: boolean) => void): SoundCard {
  let wanted = false;
  const card: SoundCard = new NoCard();
  card.want = (speaker) => {
    wanted = speaker;
  };
  card.wait = () => 'tick';
  Object.defineProperty(card, 'restless', {
    get: () => {
      onRest(wanted);
      return true;
    },
  });
  return card;
}

test('it does not sleep before it has let go of the loudspeaker, however slowly it runs', () => {
  for (let heldUpMs = 3; heldUpMs < 23; heldUpMs++) {
    const { port1, port2 } = new MessageChannel();
    const wake = new Int32Array(new SharedArrayBuffer(12));
    let nowMs = 0;
    const rested: boolean[] = [];
    const card = hasty((wanted) => {
      rested.push(wanted);
      port1.postMessage({ kind: 'stop' });
      Atomics.add(wake, 0, 1);
    });
    const thread = new MediaThread({
      ...{ port: port2, wake, card, rateHz: 16_000, handsfree: handsfreeDefaults(100), verifyPages: false },
      ...{ realTime: true, random: { token: () => '', uint32: () => 0 } },
      // Between any two looks at the clock it was held up.
      now: () => (nowMs += heldUpMs),
    });
    port1.postMessage({ kind: 'prepare' });
    Atomics.add(wake, 0, 1);
    thread.run();
    port1.close();
    assert.deepEqual([heldUpMs, ...rested], [heldUpMs, false]);
    assert.ok(nowMs > 10_000, `${nowMs}`);
  }
});
