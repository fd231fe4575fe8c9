/** The web page of the terminal. An edge room. */
export { createWeb, type Web } from './server.ts';
