/** Buttons and lamps on lines of the GPIO character device (`gpiochip`), or only as names (`simulated`). */
export { Blinker } from './blinker.ts';
export { createGpio } from './gpio.ts';
export type { Edge, Gpio, GpioConfig, LineConfig } from './types.ts';
