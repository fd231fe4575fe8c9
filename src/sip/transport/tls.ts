/** TLS 1.2 and 1.3, RFC 3261 §26.3.1: who we are, and whom we believe to be who they say (RFC 5922). */
import { createRequire } from 'node:module';
import { isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions, PeerCertificate, SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';
import type { HostPort } from '../message/index.ts';
import { systemReason, TransportError } from './errors.ts';
import { identitiesOf, isOneOf } from './identity.ts';

/** All texts are PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of the public ones. */
  ca?: string;
  /** Ours, with those between it and its authority: for who calls us, and for servers that ask. */
  certificate?: string;
  key?: string;
  /**
   * SHA-256 of certificates that are trusted whoever signed them, for whatever name and time; 64 lower-case hexadecimal
   * digits. Without `ca` no others are.
   */
  fingerprints?: readonly string[];
}

/** Longest list of names from a certificate that is repeated to people. */
const SHOWN_MAX = 200;

export class Tls {
  readonly #options: TlsOptions;
  #client?: SecureContext;
  #server?: SecureContext;

  constructor(options: TlsOptions) {
    this.#options = options;
  }

  /** Throws `TransportError` when our certificate and key are of no use to who calls us. */
  check(): void {
    const { certificate, key } = this.#options;
    if (certificate === undefined || key === undefined) {
      throw new TransportError('Cannot listen on TLS without a certificate and its key');
    }
    this.#serverContext();
  }

  /**
   * A connection on which nothing has been said; at its `secureConnect`, `objection` is to be asked. Throws `TransportError`
   * when what is configured is of no use.
   */
  connect(remote: HostPort, from: string | undefined, domains: readonly string[]): TLSSocket {
    // RFC 6066 §3: addresses have no place there.
    const servername = domains.find((domain) => isIP(domain) === 0);
    const options: ConnectionOptions & TcpNetConnectOpts = {
      host: remote.host,
      port: remote.port,
      localAddress: from,
      secureContext: this.#clientContext(),
      ...(servername !== undefined && { servername }),
      // `objection` decides, by RFC 5922 and not by the rules of HTTPS.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
    return library().connect(options);
  }

  /** Our side of a connection somebody opened; `secure` comes when the handshake is done. */
  accept(socket: Socket): TLSSocket {
    // Its errors show on the connection above it.
    socket.on('error', () => {});
    const { TLSSocket } = library();
    // RFC 5922 §7.4: who has a certificate may show it; who has none is a caller like any other.
    const secureContext = this.#serverContext();
    return new TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false });
  }

  /** RFC 5922 §7.4: who the other side has shown to be; nobody without a certificate that is trusted here. */
  identities(socket: TLSSocket): readonly string[] {
    const { ca, fingerprints = [] } = this.#options;
    const certificate = socket.getPeerCertificate();
    if (certificate?.fingerprint256 === undefined) return [];
    const known = fingerprints.includes(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    if (known) return identitiesOf(certificate);
    if (fingerprints.length > 0 && ca === undefined) return [];
    return socket.authorized || isVerified(socket) ? identitiesOf(certificate) : [];
  }

  #clientContext(): SecureContext {
    const { ca, certificate: cert, key, fingerprints = [] } = this.#options;
    // The public authorities take megabytes: they are not loaded where nobody asks them.
    this.#client ??= context({ ca: ca ?? (fingerprints.length > 0 ? [] : undefined), cert, key });
    return this.#client;
  }

  #serverContext(): SecureContext {
    const { ca = [], certificate: cert, key } = this.#options;
    this.#server ??= context({ cert, key, ca });
    return this.#server;
  }

  /** Why the other side is not to be believed to be one of `domains`. */
  objection(socket: TLSSocket, domains: readonly string[]): string | undefined {
    const { ca, fingerprints = [] } = this.#options;
    const certificate = socket.getPeerCertificate();
    if (certificate?.fingerprint256 === undefined) return 'the other side shows no certificate';
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    if (fingerprints.includes(fingerprint)) return undefined;
    if (fingerprints.length > 0 && ca === undefined) {
      return `the certificate is not the one expected: its fingerprint is sha256:${fingerprint}`;
    }
    if (!socket.authorized) return whyInvalid(String(socket.authorizationError), certificate);
    const identities = identitiesOf(certificate);
    if (isOneOf(identities, domains)) return undefined;
    const shown = identities.join(', ').slice(0, SHOWN_MAX) || 'nobody';
    return `the certificate is for ${shown}, not for ${domains.join(' or ')}`;
  }
}

function context(options: SecureContextOptions): SecureContext {
  try {
    return library().createSecureContext({ ...options, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new TransportError(`Cannot use the certificates and key for TLS: ${systemReason(error)}`, { cause: error });
  }
}

function whyInvalid(code: string, { valid_from, valid_to }: PeerCertificate): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `the certificate has expired: it was valid until ${valid_to}`;
    case 'CERT_NOT_YET_VALID':
      return `the certificate is not valid yet, only from ${valid_from}: the clock here says ${new Date().toISOString()}`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'the certificate is signed by itself, and neither it nor its fingerprint is configured';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'the certificate is signed by an authority that is not trusted here';
    default:
      return `the certificate cannot be trusted: ${code}`;
  }
}

/** Of a socket that we accepted: there `authorized` is set by tls.Server alone, and this is what it asks. */
function isVerified(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: { verifyError?(): Error | null | undefined } };
  return typeof handle?.verifyError === 'function' && !handle.verifyError();
}

let loaded: typeof import('node:tls') | undefined;

/** Loaded with the first connection: who speaks no TLS does not pay for it. */
function library(): typeof import('node:tls') {
  loaded ??= createRequire(import.meta.url)('node:tls') as typeof import('node:tls');
  return loaded;
}
