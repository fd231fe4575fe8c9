/** The words of the room: wires by name, edges that come in, levels that go out. What a press means is decided elsewhere. */
import { CodedError } from '../../base/index.ts';

/** One wire of the board. */
export type LineConfig =
  | {
      driver: 'gpiochip';
      /** Label, name or path of the chip: `pinctrl-bcm2711`, `gpiochip0`, `/dev/gpiochip0`. */
      chip: string;
      /** Name or offset of the line: `GPIO17`, 17. */
      line: string | number;
      /** The level that means pressed, or lit. */
      active: 'low' | 'high';
      /** Inputs only; absent: as the board has it. */
      bias?: 'pull-up' | 'pull-down' | 'disabled';
      /** Inputs only; 0: every edge counts. */
      debounceMs: number;
    }
  /** A name and nothing else: pressed and shown by software. */
  | { driver: 'simulated' };

export type ChipLineConfig = Extract<LineConfig, { driver: 'gpiochip' }>;

export interface GpioConfig {
  inputs: Readonly<Record<string, LineConfig>>;
  outputs: Readonly<Record<string, LineConfig>>;
}

export interface Edge {
  input: string;
  active: boolean;
  /** On the clock of `performance.now()`; taken by the kernel at the edge (after its debounce), however late we read it. */
  atMs: number;
  /** The line was found active when it was opened: held since nobody knows when, perhaps a short circuit. */
  initial?: true;
}

export type EdgeListener = (edge: Edge) => void;

/** `name` is that of the button or lamp; `reason` says which chip and line, and what would mend it. */
export type FaultListener = (name: string, raised: boolean, reason: string) => void;

export interface Gpio {
  /** Remembered while the line is away, and set when it returns. */
  setOutput(name: string, on: boolean): void;
  /** Lamps off, lines given back. Edges and faults no longer come. */
  close(): Promise<void>;
}

type GpioErrorCode = 'gpio-no-chip' | 'gpio-no-access' | 'gpio-no-line' | 'gpio-busy' | 'gpio-refused' | 'gpio-gone';

/** A wire cannot be used as asked. The message says which, and what would mend it. */
export class GpioError extends CodedError {
  declare readonly code: GpioErrorCode;

  constructor(code: GpioErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
