/** Certificates made by openssl for one test: authorities, what they sign, and what signs itself. */
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './checkout.ts';

export interface Pair {
  certificate: string;
  key: string;
}

export interface Wish {
  /** As openssl writes it: `DNS:pbx.test,IP:127.0.0.1`; absent: none at all. */
  names?: string;
  commonName?: string;
  /** From now; -1: expired since yesterday. */
  days?: number;
}

/** Why there can be no certificates, for a test that is then skipped aloud. */
export const withoutOpenssl: string | false =
  spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is not installed (apt-get install openssl)';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority {
  readonly #name: string;
  readonly #directory: string;
  readonly certificate: string;
  #count = 0;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    this.#openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, ...files);
    this.certificate = this.#read(`${name}.pem`);
  }

  sign({ names, commonName = 'somebody', days = 2 }: Wish): Pair {
    const file = `${this.#name}-${++this.#count}`;
    this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${commonName}`, '-keyout', `${file}.key`, '-out', `${file}.csr`);
    writeFileSync(join(this.#directory, `${file}.ext`), names === undefined ? '' : `subjectAltName=${names}\n`);
    const by = ['-CA', `${this.#name}.pem`, '-CAkey', `${this.#name}.key`, '-CAcreateserial', '-days', String(days)];
    this.#openssl('x509', '-req', '-in', `${file}.csr`, ...by, '-extfile', `${file}.ext`, '-out', `${file}.pem`);
    return { certificate: this.#read(`${file}.pem`), key: this.#read(`${file}.key`) };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'ignore' });
  }

  #read(name: string): string {
    return readFileSync(join(this.#directory, name), 'utf8');
  }
}

/** Authorities of those names, until `remove`. */
export function authorities<const Name extends string>(...names: Name[]): Record<Name, Authority> & { remove(): void } {
  const { path, remove } = temporaryDirectory();
  const made = names.map((name) => [name, new Authority(path, name)]);
  return { ...(Object.fromEntries(made) as Record<Name, Authority>), remove };
}

/** SHA-256 as 64 hexadecimal digits. */
export function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}
