/** Who is to be reached: the telephone systems, and the broker. Asked of the service, else whether anybody listens there. */
import { lookup, Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import type { Config } from '../config/index.ts';
import { parseUri } from '../sip/message/index.ts';
import { type Finding, fault, off, ok, type ServiceStatus } from './types.ts';

const CONNECT_LIMIT_MS = 3000;

export async function registrations({ sip }: Config, status: ServiceStatus | undefined): Promise<Finding[]> {
  if (sip.accounts.length === 0) return [off('registration', 'no account: telephones are called without a PBX')];
  return Promise.all(
    sip.accounts.map(async ({ name, address, servers }) => {
      const what = `registration ${name}`;
      const now = status?.registrations[name];
      if (now?.registered) return ok(what, `${address}: ${now.reason || 'registered'}`);
      if (now !== undefined) return fault(what, now.reason, 'hailpoint trace shows what the server says');
      const hosts = (servers.length > 0 ? servers : [address]).map((uri) => parseUri(uri).host);
      const unknown = (await Promise.all(hosts.map(unresolved))).filter((reason) => reason !== undefined);
      const detail = 'not tried: the service is not running';
      return unknown.length > 0
        ? fault(what, unknown[0], 'is the name right, does DNS answer? resolvectl query NAME')
        : off(what, detail);
    }),
  );
}

/** A domain may have no address, and name its servers all the same (RFC 3263). */
async function unresolved(host: string): Promise<string | undefined> {
  try {
    await lookup(host);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const resolver = new Resolver({ timeout: 1000, tries: 2 });
    const services = ['_sip._udp', '_sip._tcp', '_sips._tcp'].map((service) =>
      resolver.resolveSrv(`${service}.${host}`),
    );
    return Promise.any(services).then(
      () => undefined,
      () => `${host}: ${code}`,
    );
  }
}

export async function broker({ mqtt }: Config, status: ServiceStatus | undefined): Promise<Finding> {
  if (mqtt === undefined) return off('broker', 'the file names none');
  const trouble = status?.faults.find(({ fault }) => fault === 'mqtt')?.reason;
  const mend = 'does the broker run, are user and password right? mosquitto_sub -t test with the same';
  if (status?.mqtt?.connected) return ok('broker', `${mqtt.url}: connected`);
  if (trouble !== undefined) return fault('broker', trouble, mend);
  const { hostname, port, protocol } = new URL(mqtt.url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const error = await tryConnect(host, Number(port || (protocol === 'mqtts:' ? 8883 : 1883)));
  if (error !== undefined) return fault('broker', `${mqtt.url}: ${error}`, mend);
  return status === undefined
    ? ok('broker', `${mqtt.url}: somebody listens; only the service can log in`)
    : fault('broker', `${mqtt.url}: not connected yet`, mend);
}

function tryConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_LIMIT_MS });
    const over = (reason?: string): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.on('connect', () => over());
    socket.on('timeout', () => over(`no answer in ${CONNECT_LIMIT_MS / 1000} s`));
    socket.on('error', (error: NodeJS.ErrnoException) => over(error.code ?? error.message));
  });
}
