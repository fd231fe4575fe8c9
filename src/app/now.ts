/** The clock of all machines: ms, monotonic. */
export const now = (): number => performance.now();
