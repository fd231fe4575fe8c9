/** `hailpoint trace`: the last minutes of SIP as ladders, or as a capture file. */
import { createWriteStream, writeFileSync } from 'node:fs';
import { CodedError } from '../base/index.ts';
import { ask, type ControlAnswer, talk } from '../control/index.ts';
import type { Recorded } from '../trace/index.ts';
import { ladders, line } from './ladder.ts';
import { pcapHeader, pcapRecord } from './pcap.ts';

/** `pcap`: a file, `-` for standard output. Resolves when nothing more comes: with `follow` when the service goes. */
export async function trace(socket: string, options: { follow?: boolean; pcap?: string }): Promise<void> {
  const write = options.pcap === undefined ? undefined : pcapTo(options.pcap, options.follow ?? false);
  if (!options.follow) {
    const messages = messagesOf(await ask(socket, { command: 'trace' }));
    if (write) write(Buffer.concat([pcapHeader(), ...messages.map(pcapRecord)]));
    else for (const text of ladders(messages)) console.log(text);
    return;
  }
  write?.(pcapHeader());
  const show = (recorded: Recorded): void => (write ? write(pcapRecord(recorded)) : console.log(line(recorded)));
  await new Promise<void>((gone, fail) => {
    let answered = false;
    const leave = talk(
      socket,
      { command: 'trace', follow: true },
      (given) => {
        if (answered) return show(given as Recorded);
        answered = true;
        try {
          messagesOf(given as ControlAnswer).forEach(show);
        } catch (error) {
          leave();
          fail(error);
        }
      },
      (error) => (answered ? gone() : fail(error)),
    );
  });
}

function messagesOf(answer: ControlAnswer): Recorded[] {
  if (!answer.ok) throw new CodedError('refused', answer.error);
  return answer.messages as Recorded[];
}

function pcapTo(file: string, follow: boolean): (bytes: Buffer) => void {
  if (file === '-') return (bytes) => void process.stdout.write(bytes);
  try {
    // Calls are nobody else's business.
    writeFileSync(file, '', { mode: 0o600 });
  } catch (error) {
    throw new CodedError('pcap', `Cannot write ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (!follow) return (bytes) => writeFileSync(file, bytes);
  const stream = createWriteStream(file, { flags: 'a' });
  return (bytes) => void stream.write(bytes);
}
