/** Ends an exhaustive `switch`: a new member of the union is then a compile error at each place that must answer it. */
export function unreachable(value: never): never {
  throw new Error(`Cannot happen: ${JSON.stringify(value)}`);
}
