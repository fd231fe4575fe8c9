/** Files the configuration points to, and secrets: from a file, a systemd credential, the environment, or written inline. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { readText } from './read.ts';

const MAX_SECRET_BYTES = 4096;
/** All the authorities of a system are some 250 kB. */
const MAX_PEM_BYTES = 1024 * 1024;

/** Where the file being read stands and what surrounds it. */
export interface Surroundings {
  /** Relative paths start here. */
  directory: string;
  env: NodeJS.ProcessEnv;
}

/** Where a secret is kept: one of these. */
interface Place {
  file?: string;
  credential?: string;
  env?: string;
}

const EXPECTED = '{ file: PATH }, { credential: NAME } or { env: NAME }';

/** Becomes the secret itself. A line end after it is no part of it. */
export function secret(around: Surroundings): z.ZodType<string, unknown> {
  const inline = z.string().min(1);
  return z.union([inline, kept(around)]).meta({ expected: EXPECTED });
}

/** The secret of which it is written where it is kept. */
function kept(around: Surroundings): z.ZodType<string, Place> {
  return z
    .strictObject({ file: z.string().optional(), credential: z.string().optional(), env: z.string().optional() })
    .transform((value, context): string => {
      if (context.issues.length > 0) return z.NEVER;
      const refuse = (message: string): string => {
        context.issues.push({ code: 'custom', message, input: value });
        return z.NEVER;
      };
      const given = Object.entries(value).filter(([, where]) => where !== undefined);
      if (given.length !== 1) return refuse(given.length === 0 ? 'names no secret' : 'names more than one secret');
      const [kind, where] = given[0];
      const found = find(kind as keyof typeof value, where, around);
      if ('missing' in found) return refuse(found.missing);
      const content = found.text.replace(/[\r\n]+$/, '');
      return content === '' ? refuse(`the secret of ${kind} ${where} is empty`) : content;
    });
}

function find(
  kind: 'file' | 'credential' | 'env',
  where: string,
  around: Surroundings,
): { text: string } | { missing: string } {
  if (kind === 'env') {
    const text = around.env[where];
    return text === undefined ? { missing: `the environment has no ${where}` } : { text };
  }
  let path = resolve(around.directory, where);
  if (kind === 'credential') {
    const { CREDENTIALS_DIRECTORY } = around.env;
    if (CREDENTIALS_DIRECTORY === undefined)
      return { missing: 'systemd gave no credentials ($CREDENTIALS_DIRECTORY is not set)' };
    if (!/^[^/]+$/.test(where) || where.startsWith('.')) return { missing: `${where} is no name of a credential` };
    path = resolve(CREDENTIALS_DIRECTORY, where);
  }
  try {
    return { text: readText(path, MAX_SECRET_BYTES) };
  } catch (error) {
    return { missing: `cannot read ${path}: ${reason(error)}` };
  }
}

/** The path of a file that must be there; becomes absolute. */
export function existingFile(around: Surroundings): z.ZodType<string, string> {
  return z
    .string()
    .min(1)
    .transform((file, context): string => {
      const path = resolve(around.directory, file);
      try {
        accessSync(path, constants.R_OK);
        if (statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
      } catch (error) {
        context.issues.push({ code: 'custom', message: `cannot read ${path}: ${reason(error)}`, input: file });
      }
      return path;
    })
    .meta({ expected: 'the path of a file, relative to this one' });
}

/** The PEM certificates in a file. */
export function certificates(around: Surroundings): z.ZodType<string, string> {
  return existingFile(around)
    .transform((path, context): string => {
      // What cannot be read has been said.
      if (context.issues.length > 0) return '';
      let pem = '';
      try {
        pem = readText(path, MAX_PEM_BYTES);
      } catch (error) {
        context.issues.push({ code: 'custom', message: `cannot read ${path}: ${reason(error)}`, input: path });
        return '';
      }
      if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
        context.issues.push({ code: 'custom', message: `${path} has no PEM certificate`, input: path });
      } else if (!readable(pem)) {
        context.issues.push({ code: 'custom', message: `${path} has a certificate that cannot be read`, input: path });
      }
      return pem;
    })
    .meta({ expected: 'the path of a PEM file, relative to this one' }) as z.ZodType<string, string>;
}

function readable(pem: string): boolean {
  try {
    for (const [one] of pem.matchAll(/-----BEGIN CERTIFICATE-----(?:[^-]*-----END CERTIFICATE-----)?/g))
      new X509Certificate(one);
    return true;
  } catch {
    return false;
  }
}

/** A private key: the path of its PEM file, or the place of a secret. */
export function privateKey(around: Surroundings): z.ZodType<string, unknown> {
  const expected = `the path of a PEM file, ${EXPECTED}`;
  const inFile = z
    .string()
    .min(1)
    .transform((file): Place => ({ file }))
    .pipe(kept(around));
  return z
    .union([inFile, kept(around)])
    .transform((pem, context): string => {
      if (context.issues.length > 0) return '';
      try {
        createPrivateKey(pem);
      } catch (error) {
        const locked = (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE';
        const message = locked ? 'the key is locked with a passphrase' : 'this is no private key in PEM';
        context.issues.push({ code: 'custom', message, input: '' });
      }
      return pem;
    })
    .meta({ expected });
}

/** Why the two, each sound, do not belong together; undefined when they do. */
export function whyNoPair(certificate: string, key: string): string | undefined {
  const fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  return fits ? undefined : 'this is not the key of the certificate';
}

/** `no such file` and the like. */
export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  return code ?? message;
}
