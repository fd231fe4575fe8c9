/** `hailpoint demo`: the whole system on one machine without hardware. */
export { type DemoOptions, runDemo } from './demo.ts';
