/** `hailpoint COMMAND …`: reads the arguments, calls the command, turns what comes of it into an exit code. */
import { CodedError } from '../base/index.ts';
import { packageVersion } from '../config/index.ts';
import { type Commands, commands, optionsOf, UsageError } from './commands.ts';
import { type Options, parse } from './options.ts';

const usage = `usage: hailpoint COMMAND
  run [-c FILE] [--state DIR]   the service, in the foreground
  check [-c FILE]               what is wrong with the configuration
  explain BUTTON [-c FILE]      what a press would lead to
  explain --incoming 'INVITE…' [--source IP] [-c FILE]
                                what a call would lead to, and by which rule; the INVITE, a
                                file that holds it, or - for the standard input
  doctor [-c FILE] [--json]     what a terminal needs, looked at one by one, with the mend
  demo [--once]                 the whole system on this machine, no hardware needed
  status [--json]               what the running service is doing
  press BUTTON [--for MS]       press a button by software
  dial TARGET                   call a SIP URI
  call PLAN                     start a call plan
  digits DIGITS                 send DTMF into the call
  hangup                        end the calls
  hold, resume                  silence the talk, and take it up again
  transfer TARGET               pass the talk on: its other side calls TARGET, and we hang up
  output NAME on|off|auto       switch a lamp or relay
  volume N                      0 to 100
  page ZONE FILE                a sound file to the loudspeakers of a zone
  play FILE                     a WAV file on the loudspeaker
  say TEXT                      a text on the loudspeaker, by espeak-ng
  selftest [--baseline]         chirp, registrations, broker; --baseline: what later chirps are compared with
  reload                        read the configuration anew, when no call goes on
  events [-f] [--json] [-n N]   the journal: presses, calls, pages, faults
  trace [-f] [--pcap FILE]      the last minutes of SIP, without credentials: ladders, or a capture file
exit codes: 0 done, 1 refused or failed, 2 wrong usage`;

async function main(): Promise<number> {
  let values: Options;
  let positionals: string[];
  try {
    ({ values, positionals } = parse());
  } catch (error) {
    console.error(`hailpoint: ${(error as Error).message}\n${usage}`);
    return 2;
  }
  const [name, ...rest] = positionals;
  if (values.version) {
    console.log(packageVersion());
    return 0;
  }
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (name === undefined || !Object.hasOwn(commands, name)) {
    console.error(name === undefined ? usage : `hailpoint: there is no command "${name}"\n${usage}`);
    return 2;
  }
  const command = name as keyof Commands;
  const stray = Object.keys(values).find(
    (option) => option !== 'state' && !optionsOf[command]?.includes(option as keyof Options),
  );
  try {
    if (stray !== undefined) throw new UsageError(`--${stray} is no option of it`);
    return await commands[command](rest, values);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`hailpoint ${name}: ${error.message}`);
      return 2;
    }
    if (!(error instanceof CodedError)) throw error;
    console.error(`hailpoint ${name}: ${error.message}`);
    return 1;
  }
}

// Whoever read the output has left (`hailpoint events -f | head`).
process.stdout.on('error', () => process.exit(0));
process.exitCode = await main();
// A sound driver that hangs may hold the process: what had to be said has been said.
if (process.exitCode !== 0) process.exit();
