/** What operators ask for. What cannot be done at all is refused here, with the reason; the rest the terminal decides. */
import { dirname, resolve, sep } from 'node:path';
import { type Config, checkConfig, formatProblem, type Problem } from '../config/index.ts';
import type { CommandAnswer } from '../mqtt/index.ts';
import { parseUri } from '../sip/message/index.ts';
import type { Command, TerminalEvent, TerminalInput } from '../terminal/index.ts';
import type { Sounds } from './sounds.ts';
import { inWords, type SoundTest } from './soundtest.ts';

export type CommandSource = 'socket' | 'mqtt' | 'web';

/** What commands need of the service. */
export interface Commanded {
  readonly config: Config;
  readonly sounds: Sounds;
  readonly soundTest: SoundTest;
  /** Absent: this process does not read its configuration anew. */
  readonly onReload?: (config: Config) => void;
  /** The service stops, or has stopped. */
  readonly stopped: () => boolean;
  /** Whether there is any call. */
  readonly busy: () => boolean;
  readonly tell: (input: TerminalInput) => readonly TerminalEvent[];
}

export class Commands {
  readonly #service: Commanded;

  constructor(service: Commanded) {
    this.#service = service;
  }

  /** A file, a text or the configuration is looked at first, so only these take time. */
  take(command: Command, source: CommandSource): CommandAnswer | Promise<CommandAnswer> {
    if (command.verb === 'play' || command.verb === 'page') return this.#play(command, source);
    if (command.verb === 'say')
      return this.#when(this.#service.sounds.load(this.#service.sounds.spoken(command.text)), () =>
        this.#obey(command, source),
      );
    if (command.verb === 'selftest') return this.#test(command, source);
    if (command.verb === 'reload') return this.#when(this.#wrongFile(), () => this.#obey(command, source));
    const wrong = command.verb === 'dial' || command.verb === 'transfer' ? whyNotDialled(command.target) : undefined;
    return wrong === undefined ? this.#obey(command, source) : { ok: false, reason: wrong };
  }

  /** A file that has become wrong leaves things as they are: the running terminal is worth more. */
  async reload(): Promise<void> {
    const { stopped, tell, busy, onReload } = this.#service;
    const { config, problems } = await checkConfig(this.#service.config.file, process.env);
    if (stopped()) return;
    const reason = config === undefined ? whatIsWrong(problems) : 'it is sound';
    tell({ type: 'fault', fault: 'config', raised: config === undefined, reason });
    if (config === undefined) return;
    // Somebody may have pressed meanwhile.
    if (busy()) tell({ type: 'check-sync', by: 'a reload that a call has delayed', reboot: false });
    else onReload?.(config);
  }

  async #play(command: Extract<Command, { verb: 'play' | 'page' }>, source: CommandSource): Promise<CommandAnswer> {
    const folder = dirname(this.#service.config.file);
    const file = resolve(folder, command.file);
    // Over the network a file is one of those beside the configuration: the board's disk is nobody's to try out.
    if (source !== 'socket' && !file.startsWith(folder + sep))
      return { ok: false, reason: `${command.file} is not beside the configuration` };
    return this.#when(this.#service.sounds.load(file), () => this.#obey({ ...command, file }, source));
  }

  /** The answer is how it ended. */
  async #test(command: Command, source: CommandSource): Promise<CommandAnswer> {
    const asked = this.#obey(command, source);
    return asked.ok ? inWords(await this.#service.soundTest.outcome()) : asked;
  }

  async #when(problem: Promise<string | undefined>, obey: () => CommandAnswer): Promise<CommandAnswer> {
    const reason = await problem;
    return reason === undefined ? obey() : { ok: false, reason };
  }

  /** What is wrong with the configuration as it is on disk now. */
  async #wrongFile(): Promise<string | undefined> {
    if (this.#service.onReload === undefined) return 'this process does not read it anew';
    const { problems } = await checkConfig(this.#service.config.file, process.env);
    return problems[0] && whatIsWrong(problems);
  }

  #obey(command: Command, source: CommandSource): CommandAnswer {
    const verdicts = this.#service.tell({ type: 'command', command, source });
    const refusal = verdicts.find((event) => event.type === 'command' && !event.ok);
    return refusal?.type === 'command' ? { ok: false, reason: refusal.reason ?? 'refused' } : { ok: true };
  }
}

const whatIsWrong = ([first]: readonly Problem[]): string => formatProblem(first!);

function whyNotDialled(target: string): string | undefined {
  try {
    const { scheme } = parseUri(target);
    if (scheme === 'sip' || scheme === 'sips') return undefined;
    return `${scheme}: is not available in this version: dial sip:USER@HOST`;
  } catch {
    return `"${target}" is no SIP URI such as sip:100@10.0.0.2`;
  }
}
