/** Transactions, RFC 3261 §17 with RFC 6026: repeats, timers A..M, and which message belongs to which request. Sans-IO. */
export { createAck, createCancel } from './ack.ts';
export { TransactionLayer, type TransactionOptions } from './layer.ts';
export { BRANCH_COOKIE } from './matching.ts';
export { DEFAULT_TIMING, type Timing, type TransactionOutput } from './types.ts';
