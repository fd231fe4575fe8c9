/** The board's buttons and lamps by their names, whatever carries them. */
import type { Logger } from '../../base/index.ts';
import { InputLine, type LineListener, OutputLine } from './chip-line.ts';
import { type GpioKernel, linuxKernel } from './kernel.ts';
import { type EdgeListener, type FaultListener, type Gpio, type GpioConfig, GpioError } from './types.ts';

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
  const listen = (name: string, input: string): LineListener => ({
    edge: (active, atMs, initial) =>
      tell(() => onEdge({ input, active, atMs, ...(initial && active ? { initial: true } : {}) })),
    fault: (raised, reason) => tell(() => onFault(name, raised, reason)),
  });

  let libc = kernel;
  const inputs: InputLine[] = [];
  /** Undefined: only a name. */
  const outputs = new Map<string, OutputLine | undefined>();
  for (const [name, line] of Object.entries(config.inputs)) {
    if (line.driver === 'simulated') continue;
    inputs.push(new InputLine((libc ??= linuxKernel()), line, listen(name, name), logger));
  }
  for (const [name, line] of Object.entries(config.outputs)) {
    // A lamp may have a button's name; then it is told apart where both are spoken of.
    const label = Object.hasOwn(config.inputs, name) ? `${name} (output)` : name;
    if (line.driver === 'simulated') outputs.set(name, undefined);
    else outputs.set(name, new OutputLine((libc ??= linuxKernel()), line, listen(label, name), logger));
  }
  for (const line of [...inputs, ...outputs.values()]) line?.open();
  setImmediate(() => {
    if (state === 'opening') state = 'open';
  });

  return {
    setOutput(name, on) {
      if (!outputs.has(name)) throw new GpioError('gpio-no-line', `Cannot set "${name}": the board has no such output`);
      outputs.get(name)?.set(on);
    },

    async close() {
      if (state === 'closed') return;
      state = 'closed';
      for (const line of outputs.values()) line?.set(false);
      for (const line of [...inputs, ...outputs.values()]) line?.close();
    },
  };
}
