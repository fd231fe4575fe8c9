/** IP addresses as numbers, to compare them and to ask whether one lies in a prefix. IPv4 is ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */

const MAPPED = 0xffffn << 32n;

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

/** `ends`: the address ends with these groups, so the last may be an IPv4 literal. */
function parseGroups(text: string, ends: boolean): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const last = ends && index === parts.length - 1;
    const ipv4 = last && part.includes('.') ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) groups.push(ipv4 >> 16n, ipv4 & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

/** 128 bits, or undefined when `text` is no IP literal. Brackets and a zone (`%eth0`) are taken off. */
export function parseAddress(text: string): bigint | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (!bare.includes(':')) {
    const ipv4 = parseIpv4(bare);
    return ipv4 === undefined ? undefined : MAPPED | ipv4;
  }
  const halves = bare.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

export function sameAddress(a: string, b: string): boolean {
  const address = parseAddress(a);
  return address !== undefined && address === parseAddress(b);
}

/** `prefix`: an address, or one with its length (`10.0.0.0/8`, `2001:db8::/32`). What cannot be read contains nothing. */
export function inPrefix(prefix: string, address: string): boolean {
  const [base, length, ...rest] = prefix.split('/');
  const network = parseAddress(base);
  const value = parseAddress(address);
  if (network === undefined || value === undefined || rest.length > 0) return false;
  if (length === undefined) return network === value;
  const width = base.includes(':') ? 128 : 32;
  if (!/^\d{1,3}$/.test(length) || Number(length) > width) return false;
  const hostBits = BigInt(width - Number(length));
  return network >> hostBits === value >> hostBits;
}
