/**
 * One DTLS 1.2 association for SRTP keys, RFC 5764: datagrams in, datagrams out, and keys once the other side has shown the
 * certificate that its SDP named. An edge only in that OpenSSL does the work (`dtls-library.ts`) and looks at a clock of its own
 * for its retransmissions; it reads and writes memory here, and no socket. What it allocates lives until `close`.
 */
import { timingSafeEqual } from 'node:crypto';
import koffi, { type TypeObject } from 'koffi';
import * as openssl from './dtls-library.ts';
import { DtlsError, type DtlsLibrary, loadDtls, type Pointer } from './dtls-library.ts';
import { DIGEST_BYTES, type DtlsIdentity, type Fingerprint } from './identity.ts';
import { SRTP_SUITES, type SrtpKeys, type SrtpSuite } from './suites.ts';

/** `client` speaks first: `a=setup:active` (RFC 5763 §5). */
export type DtlsRole = 'client' | 'server';

/** RFC 5764 §4.1.2 and RFC 7714 §14.2, by preference, as OpenSSL calls them. AES-256 in counter mode has no profile. */
const PROFILES: readonly (readonly [id: number, name: string, suite: SrtpSuite])[] = [
  [8, 'SRTP_AEAD_AES_256_GCM', 'AEAD_AES_256_GCM'],
  [7, 'SRTP_AEAD_AES_128_GCM', 'AEAD_AES_128_GCM'],
  [1, 'SRTP_AES128_CM_SHA1_80', 'AES_CM_128_HMAC_SHA1_80'],
  [2, 'SRTP_AES128_CM_SHA1_32', 'AES_CM_128_HMAC_SHA1_32'],
];
export const DTLS_SUITES: readonly SrtpSuite[] = PROFILES.map(([, , suite]) => suite);
const EXPORTER_LABEL = 'EXTRACTOR-dtls_srtp'; // RFC 5764 §4.2

/** Fits every path, IPv6 and tunnels included. */
const MTU_BYTES = 1200;
const RECORD_HEADER_BYTES = 13;
/** A certificate chain may take so much; OpenSSL's own 100 KB would be kept for each of several messages. */
const MAX_CERTIFICATES_BYTES = 16_384;
/**
 * An answer may be overtaken by the handshake that it allows, which is then not heard: RFC 6347 §4.2.4.1 lets those repeat
 * sooner than after 1 s who cannot wait.
 */
const FIRST_REPEAT_MS = 200;
const LONGEST_REPEAT_MS = 3000;

export type DtlsState = 'handshake' | 'established' | 'failed' | 'closed';

export interface DtlsOptions {
  identity: DtlsIdentity;
  role: DtlsRole;
  /** The certificate of the other side has one of these digests; none: nobody is let in. */
  fingerprints: readonly Fingerprint[];
  /** Those that may be agreed on; absent: `DTLS_SUITES`. */
  suites?: readonly SrtpSuite[];
}

export class DtlsAssociation {
  readonly role: DtlsRole;
  readonly #ssl: Pointer;
  readonly #input: Pointer;
  readonly #output: Pointer;
  readonly #library: DtlsLibrary;
  readonly #fingerprints: readonly Fingerprint[];
  #state: DtlsState = 'handshake';
  #toSayFarewell = false;
  /** Why it failed. */
  reason = '';
  /** Once established. */
  keys: { send: SrtpKeys; receive: SrtpKeys } | undefined;
  /** When `timeout` is to be called next, on the clock of `now`. */
  deadline: number | undefined;

  /** Throws `DtlsError` when there is no OpenSSL, or it does not take the identity. */
  constructor({ identity, role, fingerprints, suites = DTLS_SUITES }: DtlsOptions) {
    const library = loadDtls();
    this.#library = library;
    this.#fingerprints = fingerprints;
    this.role = role;
    this.#ssl = library.sslNew(contextFor(library, identity, suites));
    if (!this.#ssl) throw new DtlsError('dtls-library', 'Cannot make a DTLS association: out of memory');
    this.#input = library.bioNew(library.memory());
    this.#output = library.bioNew(library.memory());
    library.setBio(this.#ssl, this.#input, this.#output); // both are freed with it
    library.ctrl(this.#ssl, openssl.SSL_CTRL_SET_MTU, MTU_BYTES, null);
    library.timerBy(this.#ssl, callbacksOf().repeat);
    if (role === 'client') library.asClient(this.#ssl);
    else library.asServer(this.#ssl);
  }

  get state(): DtlsState {
    return this.#state;
  }

  /** The client's first flight; of a server nothing. `now`: ms, monotonic. */
  start(now: number): Uint8Array[] {
    return this.#step(now);
  }

  /** Takes a datagram; what is no DTLS, or not of this association, moves nothing. */
  receive(datagram: Uint8Array, length: number, now: number): Uint8Array[] {
    if (this.#over || length < RECORD_HEADER_BYTES || length > datagram.length) return [];
    this.#library.bioCtrl(this.#input, openssl.BIO_CTRL_RESET, 0, null);
    this.#library.bioWrite(this.#input, datagram, length);
    if (this.#state === 'handshake') return this.#step(now);
    // Their last flight again, as ours was lost: reading repeats it. Data of an application is not ours to have.
    this.#library.clearErrors();
    for (let i = 0; i < MAX_RECORDS && this.#library.read(this.#ssl, unread, unread.length) > 0; i++);
    return this.#taken();
  }

  timeout(now: number): Uint8Array[] {
    if (this.#state !== 'handshake') return [];
    this.#library.clearErrors();
    repeatMs = 0;
    const result = Number(this.#library.ctrl(this.#ssl, openssl.DTLS_CTRL_HANDLE_TIMEOUT, 0, null));
    if (result < 0) this.#fail('no answer to any repetition');
    return this.#after(now);
  }

  /** Says farewell where somebody is there to hear it, and frees what there is. Twice is once. */
  close(): Uint8Array[] {
    if (this.#state === 'closed') return [];
    this.#library.clearErrors();
    if (this.#toSayFarewell) this.#library.shutdown(this.#ssl);
    const farewell = this.#taken();
    this.#library.sslFree(this.#ssl);
    this.#library.clearErrors();
    this.#state = 'closed';
    this.deadline = undefined;
    return farewell;
  }

  get #over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  #step(now: number): Uint8Array[] {
    const library = this.#library;
    library.clearErrors();
    repeatMs = 0;
    const result: number = library.handshake(this.#ssl);
    if (result === 1) this.#established();
    else if (library.error(this.#ssl, result) !== openssl.SSL_ERROR_WANT_READ)
      this.#fail(library.reasonOf(library.firstError()) ?? 'it was refused');
    return this.#after(now);
  }

  #after(now: number): Uint8Array[] {
    const waits = Number(this.#library.ctrl(this.#ssl, openssl.DTLS_CTRL_GET_TIMEOUT, 0, timeval)) > 0;
    if (this.#state !== 'handshake' || !waits) this.deadline = undefined;
    else if (repeatMs > 0) this.deadline = now + repeatMs;
    else this.deadline = Math.max(this.deadline ?? 0, now + SOON_MS);
    return this.#taken();
  }

  #established(): void {
    this.#toSayFarewell = true;
    const suite = this.#suite();
    if (suite === undefined) return this.#fail('no SRTP profile in common');
    const refused = this.#impostor();
    if (refused !== undefined) return this.#fail(refused);
    const { keyBytes, saltBytes } = SRTP_SUITES[suite];
    const material = new Uint8Array(2 * (keyBytes + saltBytes));
    const { length } = material;
    if (this.#library.exportKeys(this.#ssl, material, length, EXPORTER_LABEL, EXPORTER_LABEL.length, null, 0, 0) !== 1)
      return this.#fail('the keys cannot be derived');
    // RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's.
    const of = (who: 0 | 1): SrtpKeys => {
      const secret = new Uint8Array(keyBytes + saltBytes);
      secret.set(material.subarray(who * keyBytes, (who + 1) * keyBytes));
      secret.set(material.subarray(2 * keyBytes + who * saltBytes).subarray(0, saltBytes), keyBytes);
      return { suite, secret };
    };
    const [client, server] = [of(0), of(1)];
    material.fill(0);
    this.keys = this.role === 'client' ? { send: client, receive: server } : { send: server, receive: client };
    this.#state = 'established';
  }

  #suite(): SrtpSuite | undefined {
    const profile: Pointer | null = this.#library.profile(this.#ssl);
    if (!profile) return undefined;
    const { id } = koffi.decode(profile, callbacksOf().profile) as { id: number | bigint };
    return PROFILES.find(([number]) => number === Number(id))?.[2];
  }

  /** RFC 5763 §5: whoever has another certificate than SDP says is somebody else. */
  #impostor(): string | undefined {
    const library = this.#library;
    const certificate: Pointer | null = library.peerCertificate(this.#ssl);
    if (!certificate) return 'the other side has shown no certificate';
    try {
      const known = this.#fingerprints.some(({ hash, digest }) => {
        const is = new Uint8Array(DIGEST_BYTES[hash]);
        const method = { 'sha-256': library.sha256, 'sha-384': library.sha384, 'sha-512': library.sha512 }[hash]();
        const length = new Uint32Array(1);
        if (library.certificateDigest(certificate, method, is, length) !== 1 || length[0] !== is.length) return false;
        return digest.length === is.length && timingSafeEqual(digest, is);
      });
      return known ? undefined : 'the certificate of the other side is not the one its a=fingerprint names';
    } finally {
      library.certificateFree(certificate);
    }
  }

  #fail(reason: string): void {
    this.#state = 'failed';
    this.reason = reason;
  }

  /** What OpenSSL has written, record by record, as many to a datagram as fit: a memory BIO knows no bounds of its own. */
  #taken(): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    let datagram = new Uint8Array(0);
    while (this.#library.bioRead(this.#output, header, RECORD_HEADER_BYTES) === RECORD_HEADER_BYTES) {
      const length = (header[11] << 8) | header[12];
      const record = new Uint8Array(RECORD_HEADER_BYTES + length);
      record.set(header);
      const body = record.subarray(RECORD_HEADER_BYTES);
      if (length > 0) this.#library.bioRead(this.#output, body, length);
      if (datagram.length > 0 && datagram.length + record.length > MTU_BYTES) {
        datagrams.push(datagram);
        datagram = record;
      } else datagram = Uint8Array.from(Buffer.concat([datagram, record]));
    }
    if (datagram.length > 0) datagrams.push(datagram);
    return datagrams;
  }
}

/** Records read of one datagram at most. */
const MAX_RECORDS = 32;
const header = new Uint8Array(RECORD_HEADER_BYTES);
const unread = new Uint8Array(4096);
/** A struct timeval, whose halves have four or eight bytes: only whether there is one is asked. */
const timeval = new Uint8Array(16);
/** Our clock and OpenSSL's may disagree by a little about what is due. */
const SOON_MS = 20;
/** What OpenSSL was last told to wait for; 0: it has not asked since. */
let repeatMs = 0;

interface Callbacks {
  verify: bigint;
  repeat: bigint;
  /** SRTP_PROTECTION_PROFILE. */
  profile: TypeObject;
}

let callbacks: Callbacks | undefined;

/** Called by OpenSSL within our own calls, on this thread; made once, for OpenSSL keeps their addresses. */
function callbacksOf(): Callbacks {
  callbacks ??= {
    // Nobody signs these certificates but their owners: what counts is the digest, compared when the handshake is over.
    verify: koffi.register(() => 1, koffi.pointer(koffi.proto('int DtlsVerify(void *store, void *more)'))),
    repeat: koffi.register(
      (_ssl: Pointer, lastUs: number): number => {
        repeatMs = lastUs === 0 ? FIRST_REPEAT_MS : Math.min(lastUs / 500, LONGEST_REPEAT_MS);
        return repeatMs * 1000;
      },
      koffi.pointer(koffi.proto('unsigned int DtlsRepeat(void *ssl, unsigned int us)')),
    ),
    profile: koffi.struct({ name: 'void *', id: 'unsigned long' }),
  };
  return callbacks;
}

/** The last one made: a service has one identity and one list of suites. */
let context: { ctx: Pointer; name: string } | undefined;

function contextFor(library: DtlsLibrary, identity: DtlsIdentity, suites: readonly SrtpSuite[]): Pointer {
  const name = `${Buffer.from(identity.certificate).toString('latin1')} ${suites.join(':')}`;
  if (context?.name === name) return context.ctx;
  const ctx = makeContext(library, identity, suites);
  if (context !== undefined) library.ctxFree(context.ctx); // those that use it still hold it
  context = { ctx, name };
  return ctx;
}

function makeContext(library: DtlsLibrary, identity: DtlsIdentity, suites: readonly SrtpSuite[]): Pointer {
  library.clearErrors();
  const ctx: Pointer | null = library.ctxNew(library.method());
  if (!ctx) throw new DtlsError('dtls-library', 'Cannot do DTLS: this OpenSSL has none');
  const profiles = PROFILES.filter(([, , suite]) => suites.includes(suite)).map(([, profile]) => profile);
  const { certificate, key } = identity;
  library.ctxCtrl(ctx, openssl.SSL_CTRL_SET_MIN_PROTO_VERSION, openssl.DTLS1_2_VERSION, null);
  library.ctxCtrl(ctx, openssl.SSL_CTRL_SET_MAX_PROTO_VERSION, openssl.DTLS1_2_VERSION, null);
  library.ctxCtrl(ctx, openssl.SSL_CTRL_SET_SESS_CACHE_MODE, 0, null);
  library.ctxCtrl(ctx, openssl.SSL_CTRL_SET_MAX_CERT_LIST, MAX_CERTIFICATES_BYTES, null);
  const { SSL_OP_NO_QUERY_MTU, SSL_OP_NO_TICKET, SSL_OP_NO_RENEGOTIATION } = openssl;
  library.ctxOptions(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  library.ctxVerify(ctx, openssl.SSL_VERIFY_PEER_AND_FAIL_WITHOUT, null);
  library.ctxVerifyBy(ctx, callbacksOf().verify, null);
  const taken =
    library.ctxCiphers(ctx, 'ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES') === 1 &&
    library.ctxSrtp(ctx, profiles.join(':')) === 0 &&
    library.ctxCertificate(ctx, certificate.length, certificate) === 1 &&
    library.ctxKey(openssl.EVP_PKEY_EC, ctx, key, key.length) === 1;
  if (taken) return ctx;
  const why = library.reasonOf(library.firstError()) ?? 'no reason';
  library.ctxFree(ctx);
  throw new DtlsError('dtls-identity', `Cannot do DTLS with our key: ${why}`);
}
