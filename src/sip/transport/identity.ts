/** Who a certificate says its owner is, RFC 5922 §7.1, and whether that is whom we want, §7.2. Pure. */
import { isIP } from 'node:net';
import { canonical } from './resolver.ts';

/** What is read of a certificate, in the words of node:tls. */
export interface Certificate {
  subjectaltname?: string;
  subject?: { CN?: string | string[] };
}

/** One value of a subjectAltName as node:tls writes it; one that holds anything odd is in quotes. */
const ENTRY = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** SIP domains and IP addresses, lower-case. A wildcard stays as it is, so it names nobody (§7.2). */
export function identitiesOf(certificate: Certificate): string[] {
  const { subjectaltname } = certificate;
  // §7.1 item 2: only without any subjectAltName the common name counts.
  if (subjectaltname === undefined) return [certificate.subject?.CN ?? []].flat().map(identity);
  const found = { URI: [] as string[], DNS: [] as string[], 'IP Address': [] as string[] };
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < subjectaltname.length) {
    const entry = ENTRY.exec(subjectaltname);
    // What cannot be cut into its values names nobody at all.
    if (entry === null) return [];
    const [, type, value] = entry;
    if ((type === 'URI' || type === 'DNS' || type === 'IP Address') && !value.startsWith('"')) found[type].push(value);
  }
  // §7.1: a URI counts when it is a domain's, not a user's; names of the DNS count when there is no such URI.
  const uris = found.URI.flatMap((uri) => /^sip:([^@:;?]+|\[[^\]]+\])$/i.exec(uri)?.[1] ?? []);
  return [...(uris.length > 0 ? uris : found.DNS.filter((name) => isIP(name) === 0)), ...found['IP Address']].map(
    identity,
  );
}

/** §7.2: whole names, letter case aside. */
export function isOneOf(identities: readonly string[], domains: readonly string[]): boolean {
  return domains.some((domain) => identities.includes(identity(domain)));
}

const identity = (name: string): string => canonical(name.toLowerCase().replace(/^\[|\]$/g, ''));
