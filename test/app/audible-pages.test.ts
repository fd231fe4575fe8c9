/** What the end of a page says of having been heard. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { AudiblePages } from '../../src/app/audible-pages.ts';
import type { CallEvent } from '../../src/terminal/index.ts';

const page = (state: CallEvent['state'], more: Partial<CallEvent> = {}): CallEvent => ({
  type: 'page',
  call: 'p1',
  direction: 'incoming',
  state,
  peer: 'sip:desk@pbx',
  ...more,
});
const audible = { heard: true, overAmbientDb: 12 };

test('the end of a page tells what was heard last of it', () => {
  const pages = new AudiblePages();
  pages.complete(page('connected'));
  pages.heard({ heard: false, overAmbientDb: 1 });
  pages.heard(audible);
  assert.deepEqual(pages.complete(page('ended')), { ...page('ended'), ...audible });
});

test('what was heard of one page is not told of the next, nor of a call', () => {
  const pages = new AudiblePages();
  pages.heard(audible);
  pages.complete(page('connected'));
  assert.deepEqual(pages.complete(page('ended')), page('ended'));
  pages.heard(audible);
  const call = page('ended', { type: 'call' });
  assert.deepEqual(pages.complete(call), call);
});
