/** The `none` driver, or one that cannot work here: no loudspeaker and no microphone. Calls work; they carry silence. */
import { type HalfState, noTiming, type SoundCard } from './types.ts';

export class NoCard implements SoundCard {
  readonly driver: string;
  readonly timing = noTiming();
  readonly speaker: HalfState;
  readonly microphone: HalfState;
  readonly reason: string;
  readonly microphoneOpened = 0;
  readonly underruns = 0;
  /** Never asked: what this card plays it does not hear. */
  reference: undefined;
  readonly alwaysRunning = false;
  readonly restless = false;
  readonly opening = false;

  /** `reason`: why the driver that was asked for is not there. */
  constructor(driver = 'none', reason = '') {
    this.driver = driver;
    this.reason = reason;
    this.speaker = this.microphone = reason === '' ? 'closed' : 'fault';
  }

  want(): void {}

  wait(): 'none' {
    return 'none';
  }

  read(frame: Int16Array): boolean {
    frame.fill(0);
    return false;
  }

  write(): boolean {
    return this.reason === '';
  }

  skip(): void {}

  close(): void {}
}
