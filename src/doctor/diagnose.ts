/** All of it in order: the file first, for what it names is looked at next. */
import { checkConfig, formatProblem } from '../config/index.ts';
import { ask } from '../control/index.ts';
import { readBoard } from './board.ts';
import { libraries } from './libraries.ts';
import { clock, disk, network, power } from './machine.ts';
import { broker, registrations } from './reach.ts';
import { type Finding, fault, off, ok, type ServiceStatus } from './types.ts';

export async function diagnose(file: string, stateDirectory: string, socket: string): Promise<Finding[]> {
  const { config, problems, warnings } = await checkConfig(file);
  const status = await statusOf(socket);
  const service = status
    ? ok('service', `hailpoint ${status.version} is running`)
    : fault('service', 'it is not running', 'systemctl start hailpoint; journalctl -u hailpoint says why not');
  const machine = [clock(), await disk(stateDirectory), ...power(), network()];
  if (config === undefined) {
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
    const problem = fault('file', `${formatProblem(problems[0])}${more}`, 'hailpoint check names every mistake');
    return [problem, service, ...machine];
  }
  return [
    ok('file', warnings.length > 0 ? `no problems; ${formatProblem(warnings[0])}` : `${file}: no problems`),
    service,
    ...libraries(config),
    ...(await readBoard(config, status)),
    ...machine,
    ...(await registrations(config, status)),
    await broker(config, status),
    ...otherFaults(status),
  ];
}

async function statusOf(socket: string): Promise<ServiceStatus | undefined> {
  try {
    const answer = await ask(socket, { command: 'status' });
    return answer.ok ? (answer.status as ServiceStatus) : undefined;
  } catch {
    return undefined; // `service` says so
  }
}

/** Whatever the service complains of, and no line above has. */
function otherFaults(status: ServiceStatus | undefined): Finding[] {
  if (status === undefined) return [off('faults', 'only a running service knows them')];
  const told = /^(sound|mqtt|network|gpio:.*|sip:.*)$/;
  return status.faults
    .filter(({ fault }) => !told.test(fault))
    .map((one) => fault(one.fault, one.reason, 'hailpoint events says since when'));
}
