/** What holds the loudspeaker and is no call: nobody rings there, answers, transfers or presses digits. */
import type { TerminalAction } from './types.ts';

export class NoCall {
  ringing(): TerminalAction[] {
    return [];
  }

  answered(): TerminalAction[] {
    return [];
  }

  transfer(): TerminalAction[] {
    return [];
  }

  digit(): TerminalAction[] {
    return [];
  }

  ended(): TerminalAction[] {
    return [];
  }
}
