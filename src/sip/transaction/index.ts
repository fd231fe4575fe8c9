/** Transactions, RFC 3261 §17 with RFC 6026: repeats, timers A..M, and which message belongs to which request. Sans-IO. */
export { type Composed, TransactionLayer, type TransactionOptions } from './layer.ts';
export { DEFAULT_TIMING, type TransactionOutput } from './types.ts';
