/** Buttons and lamps: `simulated`, and lines of the GPIO character device (`gpiochip`). */
export { Blinker, type BlinkOutput } from './blinker.ts';
export { createGpio } from './gpio.ts';
export {
  type Edge,
  type EdgeListener,
  type FaultListener,
  type Gpio,
  type GpioConfig,
  GpioError,
  type GpioErrorCode,
  type LineConfig,
} from './types.ts';
