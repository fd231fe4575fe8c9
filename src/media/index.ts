/**
 * Sound in calls: streams, tones, prompts. `createMediaEngine` starts the media thread and returns its handle; everything
 * else happens there (`thread.ts`), ten milliseconds at a time.
 */
export { createMediaEngine } from './engine.ts';
export { MediaError } from './errors.ts';
export type { PageGroup, Zone } from './page-types.ts';
export { soundRateHz } from './protocol.ts';
export type {
  Codec,
  Direction,
  DtlsConfig,
  MediaConfig,
  MediaEngine,
  MediaEvent,
  MediaStream,
  RecordListener,
  SocketAddress,
  StreamConfig,
  StreamStatistics,
} from './types.ts';
