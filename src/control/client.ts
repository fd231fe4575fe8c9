/** The other commands' way to the running service. */
import { connect } from 'node:net';
import { CodedError } from '../base/index.ts';
import { type ControlAnswer, type ControlRequest, LineReader, maxAnswerBytes } from './protocol.ts';

export class NotRunningError extends CodedError {}

/** How long a service may take for an answer; its main thread is never busy for so long. */
const answerLimitMs = 5_000;

/** Asks once. Rejects with `NotRunningError` when no service answers at `path`. */
export function ask(path: string, request: ControlRequest, limitMs = answerLimitMs): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const stop = talk(
      path,
      request,
      (line) => {
        stop();
        resolve(line as ControlAnswer);
      },
      reject,
      limitMs,
    );
  });
}

/** Asks, and hands every line to `onLine`, the answer first. Returns the way to leave; `onEnd` is called when the service has gone. */
export function talk(
  path: string,
  request: ControlRequest,
  onLine: (line: object) => void,
  onEnd: (error: CodedError) => void,
  limitMs = 0,
): () => void {
  const reader = new LineReader(maxAnswerBytes);
  const socket = connect(path, () => socket.write(`${JSON.stringify(request)}\n`));
  let left = false;
  const leave = (): void => {
    left = true;
    socket.destroy();
  };
  const end = (reason: string): void => {
    if (left) return;
    leave();
    onEnd(new NotRunningError('not-running', `No hailpoint answers at ${path}: ${reason}`));
  };
  socket.setTimeout(limitMs, () => end(`nothing within ${limitMs / 1000} s`));
  socket.on('data', (chunk) => {
    try {
      for (const line of reader.put(chunk)) if (!left) onLine(JSON.parse(line) as object);
    } catch (error) {
      end((error as Error).message);
    }
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('it closed the connection'));
  return leave;
}
