/** Dialog state, RFC 3261 §12. */
export { bare, Dialog, dialogId, dialogIdOf, type HeaderField } from './dialog.ts';
