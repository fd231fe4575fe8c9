/** Buttons and lamps: `simulated`, and lines of the GPIO character device (`gpiochip`). */
export { Blinker } from './blinker.ts';
export { createGpio } from './gpio.ts';
export type { Edge, Gpio, GpioConfig, LineConfig } from './types.ts';
