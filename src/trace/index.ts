/** The last minutes of SIP, for who looks for a fault: kept in memory only, and without credentials once it is shown. */

export { type Recorded, Ring } from './ring.ts';
