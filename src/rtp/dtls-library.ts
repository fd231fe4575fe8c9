/**
 * The part of OpenSSL that does DTLS, bound by koffi once per thread and only when somebody asks. It is the one Node has for its
 * own TLS: official builds and Debian's both show its symbols to the process (Node's addon documentation promises it), so there
 * is nothing to load and only one OpenSSL to keep up to date. A Node without them takes the system's libssl.
 */
import koffi from 'koffi';
import { CodedError } from '../base/index.ts';

/** `code`: `dtls-library`: there is none; `dtls-identity`: it does not take our key. */
export class DtlsError extends CodedError {}

/** An `SSL *`, `SSL_CTX *`, `BIO *`. */
export type Pointer = bigint;
export type DtlsLibrary = ReturnType<typeof bind>;

// Of openssl/ssl.h, tls1.h, bio.h and evp.h; the same in OpenSSL 3.0 to 3.5.
export const DTLS1_2_VERSION = 0xfefd;
export const SSL_OP_NO_QUERY_MTU = 1n << 12n;
export const SSL_OP_NO_TICKET = 1n << 14n;
export const SSL_OP_NO_RENEGOTIATION = 1n << 30n;
export const SSL_VERIFY_PEER_AND_FAIL_WITHOUT = 1 | 2;
export const SSL_CTRL_SET_MTU = 17;
export const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
export const SSL_CTRL_SET_MAX_CERT_LIST = 51;
export const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
export const SSL_CTRL_SET_MAX_PROTO_VERSION = 124;
export const DTLS_CTRL_GET_TIMEOUT = 73;
export const DTLS_CTRL_HANDLE_TIMEOUT = 74;
export const SSL_ERROR_WANT_READ = 2;
export const BIO_CTRL_RESET = 1;
export const EVP_PKEY_EC = 408;

let library: DtlsLibrary | undefined;

/** Throws `DtlsError` when neither Node nor the system has it. */
export function loadDtls(): DtlsLibrary {
  library ??= open();
  return library;
}

/** Why there is no DTLS here; undefined: there is. */
export function missingDtls(): string | undefined {
  try {
    koffi.load(null).symbol('DTLS_method'); // with Node's own there is nothing to load, and nothing to bind before a call
    return undefined;
  } catch {}
  try {
    loadDtls();
    return undefined;
  } catch (error) {
    if (!(error instanceof DtlsError)) throw error;
    return error.message;
  }
}

function open(): DtlsLibrary {
  try {
    return bind(koffi.load(null));
  } catch {
    try {
      // deep: its own libcrypto before whatever else in the process has the same names.
      return bind(koffi.load('libssl.so.3', { deep: true }));
    } catch (cause) {
      const message =
        'Cannot do DTLS: this Node shows no OpenSSL, and there is no libssl.so.3: apt-get install libssl3';
      throw new DtlsError('dtls-library', message, { cause });
    }
  }
}

function bind(lib: ReturnType<typeof koffi.load>) {
  return {
    method: lib.func('void *DTLS_method()'),
    ctxNew: lib.func('void *SSL_CTX_new(void *method)'),
    ctxFree: lib.func('void SSL_CTX_free(void *ctx)'),
    ctxCtrl: lib.func('long SSL_CTX_ctrl(void *ctx, int command, long value, void *more)'),
    ctxOptions: lib.func('uint64_t SSL_CTX_set_options(void *ctx, uint64_t options)'),
    ctxCiphers: lib.func('int SSL_CTX_set_cipher_list(void *ctx, const char *list)'),
    /** 0 is success, here alone. */
    ctxSrtp: lib.func('int SSL_CTX_set_tlsext_use_srtp(void *ctx, const char *profiles)'),
    ctxVerify: lib.func('void SSL_CTX_set_verify(void *ctx, int mode, void *callback)'),
    ctxVerifyBy: lib.func('void SSL_CTX_set_cert_verify_callback(void *ctx, void *callback, void *more)'),
    ctxCertificate: lib.func('int SSL_CTX_use_certificate_ASN1(void *ctx, int length, void *der)'),
    ctxKey: lib.func('int SSL_CTX_use_PrivateKey_ASN1(int type, void *ctx, void *der, long length)'),
    sslNew: lib.func('void *SSL_new(void *ctx)'),
    sslFree: lib.func('void SSL_free(void *ssl)'),
    ctrl: lib.func('long SSL_ctrl(void *ssl, int command, long value, void *more)'),
    timerBy: lib.func('void DTLS_set_timer_cb(void *ssl, void *callback)'),
    setBio: lib.func('void SSL_set_bio(void *ssl, void *input, void *output)'),
    asServer: lib.func('void SSL_set_accept_state(void *ssl)'),
    asClient: lib.func('void SSL_set_connect_state(void *ssl)'),
    handshake: lib.func('int SSL_do_handshake(void *ssl)'),
    read: lib.func('int SSL_read(void *ssl, void *bytes, int length)'),
    shutdown: lib.func('int SSL_shutdown(void *ssl)'),
    error: lib.func('int SSL_get_error(void *ssl, int result)'),
    profile: lib.func('void *SSL_get_selected_srtp_profile(void *ssl)'),
    exportKeys: lib.func(
      'int SSL_export_keying_material(void *ssl, void *out, size_t length, const char *label, size_t labelLength, void *context, size_t contextLength, int useContext)',
    ),
    peerCertificate: lib.func('void *SSL_get1_peer_certificate(void *ssl)'),
    certificateFree: lib.func('void X509_free(void *certificate)'),
    certificateDigest: lib.func('int X509_digest(void *certificate, void *hash, void *out, void *length)'),
    sha256: lib.func('void *EVP_sha256()'),
    sha384: lib.func('void *EVP_sha384()'),
    sha512: lib.func('void *EVP_sha512()'),
    memory: lib.func('void *BIO_s_mem()'),
    bioNew: lib.func('void *BIO_new(void *kind)'),
    bioWrite: lib.func('int BIO_write(void *bio, void *bytes, int length)'),
    bioRead: lib.func('int BIO_read(void *bio, void *bytes, int length)'),
    bioCtrl: lib.func('long BIO_ctrl(void *bio, int command, long value, void *more)'),
    clearErrors: lib.func('void ERR_clear_error()'),
    firstError: lib.func('unsigned long ERR_peek_error()'),
    reasonOf: lib.func('const char *ERR_reason_error_string(unsigned long error)'),
  };
}
