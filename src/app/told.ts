/** What leaves the service for people and other programs: events, status, log fields. Others wrote parts of it. */
import { printable, withoutPasswords } from '../base/index.ts';

/** The same, with every text in it one harmless line without a password. */
export function told<T>(value: T): T {
  if (typeof value === 'string') return printable(withoutPasswords(value)) as T;
  if (Array.isArray(value)) return value.map(told) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, told(one)])) as T;
}
