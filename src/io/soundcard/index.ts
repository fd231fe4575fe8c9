/**
 * Sound cards. The media thread pulls a `SoundCard`; the main thread opens and closes ALSA devices for it (`openPcm`, `closePcm`),
 * because only there a driver that hangs can be left alone. Edge room.
 */
export { AlsaCard } from './alsa.ts';
export type { AlsaDoor } from './alsa-half.ts';
export { type AlsaLibrary, loadAlsa } from './alsa-library.ts';
export { type ControlsBefore, restoreControls, setControls } from './alsa-mixer.ts';
export { isPlugged, mixerOf, resolveDevice } from './alsa-name.ts';
export { closePcm, type Half, type OpenPcm, openPcm } from './alsa-open.ts';
export { FileCard } from './file.ts';
export { NoCard } from './none.ts';
export { type CardTiming, type SoundCard, TICK_MS } from './types.ts';
