/** The thread of `apart.ts`: one file in, one answer out. */
import { parentPort, workerData } from 'node:worker_threads';
import { checkConfig } from './load.ts';

const { file, env } = workerData as { file: string; env: NodeJS.ProcessEnv };
parentPort!.postMessage(checkConfig(file, env));
