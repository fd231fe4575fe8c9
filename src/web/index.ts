/** The web page of the terminal. An edge room. */
export { createWeb, type Web, WebError, type WebHandlers } from './server.ts';
