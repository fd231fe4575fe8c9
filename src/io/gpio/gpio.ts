/** The board's buttons and lamps by their names, whatever carries them. */
import type { Logger } from '../../base/index.ts';
import { InputLine, type LineListener, OutputLine } from './chip-line.ts';
import { type GpioKernel, linuxKernel } from './kernel.ts';
import { SimulatedInputs } from './simulated.ts';
import { type Edge, type EdgeListener, type FaultListener, type Gpio, type GpioConfig, GpioError } from './types.ts';

/**
 * Opens all lines at once; those that cannot be had are faults, and are tried again each second. The listeners are not
 * called before this has returned. `kernel` is for tests.
 */
export function createGpio(
  config: GpioConfig,
  onEdge: EdgeListener,
  onFault: FaultListener,
  logger: Logger,
  kernel?: GpioKernel,
): Gpio {
  let state: 'opening' | 'open' | 'closed' = 'opening';
  /** Calls now, or after `createGpio` has returned, in order; not after `close`. */
  const tell = (call: () => void): void => {
    if (state === 'open') call();
    else if (state === 'opening') setImmediate(() => state !== 'closed' && call());
  };
  const edge = (event: Edge) => tell(() => onEdge(event));
  const fault = (name: string, raised: boolean, reason: string) => tell(() => onFault(name, raised, reason));

  const inputs = new Map<string, InputLine | 'simulated'>();
  const outputs = new Map<string, OutputLine | 'simulated'>();
  const lit = new Map<string, boolean>();
  const simulated = new SimulatedInputs(edge);
  let libc = kernel;

  /** A lamp may have a button's name; then it is told apart where both are spoken of. */
  const labelOf = (output: string): string => (inputs.has(output) ? `${output} (output)` : output);
  const listen = (name: string, input: string): LineListener => ({
    edge(active, atMs, initial) {
      edge({ input, active, atMs, ...(initial && active ? { initial: true } : {}) });
    },
    fault: (raised, reason) => fault(name, raised, reason),
  });

  for (const [name, line] of Object.entries(config.inputs)) {
    if (line.driver === 'simulated') inputs.set(name, 'simulated');
    else inputs.set(name, new InputLine((libc ??= linuxKernel()), line, listen(name, name), logger));
  }
  for (const [name, line] of Object.entries(config.outputs)) {
    const label = labelOf(name);
    if (line.driver === 'simulated') outputs.set(name, 'simulated');
    else outputs.set(name, new OutputLine((libc ??= linuxKernel()), line, listen(label, name), logger));
    lit.set(name, false);
  }
  const lines = [...inputs.values(), ...outputs.values()].filter((line) => line !== 'simulated');
  for (const line of lines) line.open();
  setImmediate(() => {
    if (state === 'opening') state = 'open';
  });

  return {
    setOutput(name, on) {
      const line = outputs.get(name);
      if (line === undefined) throw new GpioError('gpio-no-line', `Cannot set "${name}": the board has no such output`);
      lit.set(name, on);
      if (line !== 'simulated') line.set(on);
    },

    press(name, forMs) {
      const line = inputs.get(name);
      if (line === undefined) {
        const there = [...inputs.keys()].join(', ') || 'none';
        throw new GpioError(
          'gpio-no-button',
          `Cannot press "${name}": the board has no such button (it has: ${there})`,
        );
      }
      if (line !== 'simulated') {
        throw new GpioError('gpio-no-button', `Cannot press "${name}" by software: it is a real button`);
      }
      if (state !== 'closed') simulated.press(name, forMs);
    },

    state() {
      const levels: Record<string, boolean> = {};
      for (const [name, line] of inputs) levels[name] = line === 'simulated' ? simulated.active(name) : line.active;
      for (const [name, on] of lit) levels[labelOf(name)] = on;
      return levels;
    },

    async close() {
      if (state === 'closed') return;
      state = 'closed';
      simulated.close();
      for (const line of outputs.values()) if (line !== 'simulated') line.set(false);
      for (const name of lit.keys()) lit.set(name, false);
      for (const line of lines) line.close();
    },
  };
}
