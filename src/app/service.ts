/**
 * The wiring: builds every room from the configuration and runs the loop. An input comes from the world, one machine takes it,
 * its outputs are applied in order, and what they say to the terminal waits its turn. No rules here.
 */
import { basename, dirname, resolve, sep } from 'node:path';
import { CodedError, earliest, type Logger, unreachable } from '../base/index.ts';
import { type CallOutput, Calls } from '../call/index.ts';
import { type Config, checkConfig, formatProblem } from '../config/index.ts';
import { ControlServer } from '../control/index.ts';
import { Blinker, createGpio, type Gpio } from '../io/gpio/index.ts';
import { type NetworkState, NetworkWatch } from '../io/network.ts';
import { type Journal, journalFolder, openJournal } from '../journal/index.ts';
import { createMediaEngine } from '../media/index.ts';
import type { MediaEngine, MediaEvent } from '../media/types.ts';
import { type CommandAnswer, createMqtt, type Mqtt } from '../mqtt/index.ts';
import { parseUri } from '../sip/message/index.ts';
import { Dns, Resolver, SipTransport } from '../sip/transport/index.ts';
import { type Trust, UserAgent } from '../sip/ua/index.ts';
import {
  type Command,
  challenges,
  inPrefix,
  letsAnybody,
  names,
  Terminal,
  type TerminalAction,
  type TerminalEvent,
  type TerminalInput,
} from '../terminal/index.ts';
import { Ring } from '../trace/index.ts';
import { createWeb, type Web } from '../web/index.ts';
import { instanceOf } from './instance.ts';
import { controlHandler } from './operator.ts';
import { secretBytes, systemRandom } from './random.ts';
import { Sounds } from './sounds.ts';
import { Speech } from './speech.ts';
import { told } from './told.ts';

export interface ServiceOptions {
  config: Config;
  /** Where the journal lives. */
  stateDirectory: string;
  socketPath: string;
  version: string;
  logger: Logger;
  /** What `status` says may have changed. */
  onChange(): void;
  /** The configuration has changed, is sound, and nothing goes on: the service wants to be replaced. */
  onReload?(): void;
}

type CommandSource = 'socket' | 'mqtt' | 'web';

/** How long a stop waits for the answers to its BYEs and un-REGISTERs. */
const farewellMs = 2_000;
/** How often what could not be opened at the start is tried again. */
const acquireEveryMs = 2_000;
/** Node takes a longer one for none at all; a caller may write any number into his Expires. */
const longestWaitMs = 2 ** 31 - 1;

export class Service {
  readonly #config: Config;
  readonly #version: string;
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #onReload: (() => void) | undefined;
  readonly #journal: Journal;
  readonly #media: MediaEngine;
  readonly #sounds: Sounds;
  readonly #calls: Calls;
  readonly #terminal: Terminal;
  readonly #transport: SipTransport;
  readonly #trace = new Ring();
  readonly #turnedAway: () => UserAgent['turnedAway'];
  readonly #resolver: Resolver;
  readonly #network: NetworkWatch;
  /** The machine had an address others can reach when it was last looked at. */
  #connected = false;
  readonly #blinker = new Blinker();
  readonly #gpio: Gpio;
  readonly #control: ControlServer;
  #mqtt?: Mqtt;
  #web?: Web;
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #started?: Promise<void>;
  #stopped?: Promise<void>;

  /** What waits to be told to the terminal; `time`: its deadline has come. */
  readonly #inbox: (TerminalInput | 'time')[] = [];
  #busy = false;
  #alarm?: NodeJS.Timeout;

  constructor(options: ServiceOptions) {
    const { config, logger } = options;
    this.#config = config;
    this.#version = options.version;
    this.#log = logger;
    this.#onChange = options.onChange;
    this.#onReload = options.onReload;
    this.#journal = openJournal({
      directory: journalFolder(options.stateDirectory),
      logger,
      onFault: (raised, reason) => this.#tell({ type: 'fault', fault: 'journal', raised, reason }),
    });
    this.#media = createMediaEngine(config.media, logger);
    this.#sounds = new Sounds(this.#media, new Speech(config.voice), logger);
    this.#terminal = new Terminal(config.terminal, systemRandom);
    const product = `Hailpoint/${options.version}`;
    const ua = new UserAgent(
      {
        accounts: config.sip.accounts,
        product,
        user: config.terminal.id,
        displayName: config.terminal.name,
        sessionExpiresS: config.sip.sessionExpiresS,
        redirects: config.sip.redirects,
        trust: trustOf(config),
        instance: instanceOf(options.stateDirectory, logger),
        oversize: config.sip.oversize,
        firstAnswerMs: config.sip.firstAnswerMs,
        mayWatch: (address) => mayWatch(config, address),
      },
      systemRandom,
    );
    this.#turnedAway = () => ua.turnedAway;
    const { codecs, encryption, dtmf } = config;
    this.#calls = new Calls(
      ua,
      this.#media,
      { codecs, packetMs: 20, encryption, dtmf, secretBytes },
      systemRandom,
      logger,
    );
    this.#transport = new SipTransport({
      listen: config.sip.listen,
      tls: config.sip.tls,
      limits: {
        known: (host) => ua.serverAt(host) || names(config.terminal.incoming, host, []),
        strangerPerS: config.sip.rate.stranger,
        knownPerS: config.sip.rate.known,
        silent: config.sip.strangers === 'silent',
      },
      logger,
      onMessage: (message, hop) => this.#take(() => this.#calls.receive(message, hop, now())),
      onBytes: (passage) => this.#trace.put(passage, passage.known ? 'known' : 'strangers', Date.now()),
      onFailure: (transaction, reason) => this.#take(() => this.#calls.transportFailed(transaction, reason, now())),
      onClosed: (flow) => this.#take(() => this.#calls.transportChanged({ kind: 'flow', flow }, now())),
    });
    this.#resolver = new Resolver({
      localFor: (host, transport) => this.#transport.localFor(host, transport),
      random: systemRandom,
      dns: new Dns({ logger }),
      logger,
    });
    this.#network = new NetworkWatch((state) => this.#moved(state), logger);
    this.#gpio = createGpio(
      { inputs: config.device.buttons, outputs: config.device.outputs },
      // A button already down at the start is a press like any other: somebody may have held it through a restart.
      ({ input, active }) => this.#tell({ type: 'edge', button: input, active, source: 'button' }),
      (line, raised, reason) => this.#tell({ type: 'fault', fault: `gpio:${line}`, raised, reason }),
      logger,
    );
    this.#control = new ControlServer(options.socketPath, controlHandler(this, this.#journal, this.#trace), logger);
  }

  /** Listens, registers, connects. Rejects with a clear error when another service has the control socket. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** BYE, un-REGISTER, lamps off, `offline`: within 5 s whatever does not answer. Asked twice, it stops once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    await this.#control.start();
    const plans = Object.values(this.#config.terminal.calls);
    const prompts = new Set(plans.flatMap(({ prompt, confirm }) => [prompt ?? [], confirm?.prompt ?? []].flat()));
    const missing = await Promise.all([...prompts].map(async (file) => [file, await this.#sounds.keep(file)] as const));
    this.#media.onEvent((event) => this.#heard(event));
    this.#media.volume(this.#config.media.volume);
    this.#journal.append({ type: 'config', state: 'started', version: this.#version });
    for (const { line, path, message } of this.#config.warnings) this.#log.warn(`Line ${line}: ${path}: ${message}`);
    this.#tell({ type: 'start' });
    for (const [file, reason] of missing) this.#audible(file, reason);
    const { mqtt, web, terminal, device } = this.#config;
    if (mqtt)
      this.#mqtt = createMqtt(
        mqtt,
        {
          id: terminal.id,
          name: terminal.name,
          version: this.#version,
          buttons: Object.keys(device.buttons),
          outputs: Object.keys(device.outputs),
          plans: Object.keys(terminal.calls),
          accounts: this.#config.sip.accounts.map((account) => account.name),
        },
        this.#journal,
        {
          command: (command) => this.command(command, 'mqtt'),
          status: () => this.status(),
          fault: (raised, reason) => this.#tell({ type: 'fault', fault: 'mqtt', raised, reason }),
        },
        this.#log,
      );
    this.#connected = this.#network.start().addresses.length > 0;
    await this.#acquire('sip', async () => {
      await this.#transport.start();
      this.#take(() => this.#calls.start(now()));
    });
    if (web)
      await this.#acquire('web', async () => {
        this.#web = await createWeb(web, this, this.#journal, this.#log);
      });
  }

  async #stop(): Promise<void> {
    // A start that is half done would open behind our back what has just been closed.
    await this.#started?.catch(() => {});
    const deadline = now() + farewellMs;
    this.#tell({ type: 'stop' });
    this.#take(() => this.#calls.stop(now()));
    while (!this.#calls.idle && now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    clearTimeout(this.#alarm);
    this.#network.stop();
    for (const retry of this.#retries.values()) clearTimeout(retry);
    this.#busy = true; // nothing more is taken
    this.#journal.append({ type: 'config', state: 'stopped', version: this.#version });
    await Promise.all([
      this.#mqtt?.stop(),
      this.#web?.stop(),
      this.#media.stop(),
      this.#gpio.close(),
      this.#transport.stop(),
      this.#control.stop(),
    ]);
    this.#journal.close();
  }

  /** What cannot be had yet (an address that is still to come, a taken port) ends nothing: a fault, and tried again. */
  async #acquire(fault: string, open: () => Promise<void>): Promise<void> {
    try {
      await open();
      this.#tell({ type: 'fault', fault, raised: false, reason: 'it is there now' });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#log.error('Cannot open', { fault, reason: error.message });
      this.#tell({ type: 'fault', fault, raised: true, reason: error.message });
      const retry = setTimeout(() => {
        if (this.#stopped === undefined) void this.#acquire(fault, open);
      }, acquireEveryMs);
      this.#retries.set(fault, retry);
    }
  }

  /** Without any address there is no network; what is left of it, the registrations say. */
  #moved({ addresses }: NetworkState): void {
    const gone = addresses.length === 0;
    if (gone && this.#connected) this.#tell({ type: 'fault', fault: 'network', raised: true, reason: 'no address' });
    if (!gone) this.#tell({ type: 'fault', fault: 'network', raised: false, reason: `address ${addresses[0]}` });
    this.#connected = !gone;
    this.#transport.refresh();
    this.#take(() => this.#calls.transportChanged({ kind: 'network' }, now()));
  }

  /** After `stop`: a sound driver holds a thread for good, and an ordinary end of the process would wait for it. */
  get hung(): boolean {
    return this.#media.hung;
  }

  // ---------------------------------------------------------------- what operators ask and see

  /** What cannot be done at all is refused here, with the reason; a file is looked at first, so only `play` takes time. */
  command(command: Command, source: CommandSource): CommandAnswer | Promise<CommandAnswer> {
    if (command.verb === 'play') return this.#play(command, source);
    if (command.verb === 'say')
      return this.#when(this.#sounds.loadText(command.text), () => this.#obey(command, source));
    if (command.verb === 'reload') return this.#when(this.#wrongFile(), () => this.#obey(command, source));
    const wrong = command.verb === 'dial' || command.verb === 'transfer' ? whyNotDialled(command.target) : undefined;
    return wrong === undefined ? this.#obey(command, source) : { ok: false, reason: wrong };
  }

  async #play(command: Extract<Command, { verb: 'play' }>, source: CommandSource): Promise<CommandAnswer> {
    const folder = dirname(this.#config.file);
    const file = resolve(folder, command.file);
    // Over the network a file is one of those beside the configuration: the board's disk is nobody's to try out.
    if (source !== 'socket' && !file.startsWith(folder + sep))
      return { ok: false, reason: `${command.file} is not beside the configuration` };
    const reason = await this.#sounds.load(file);
    return reason === undefined ? this.#obey({ ...command, file }, source) : { ok: false, reason };
  }

  async #when(problem: Promise<string | undefined>, obey: () => CommandAnswer): Promise<CommandAnswer> {
    const reason = await problem;
    return reason === undefined ? obey() : { ok: false, reason };
  }

  /** What is wrong with the configuration as it is on disk now. */
  async #wrongFile(): Promise<string | undefined> {
    if (this.#onReload === undefined) return 'this process does not read it anew';
    const { problems } = await checkConfig(this.#config.file, process.env);
    return problems[0] && formatProblem(problems[0]);
  }

  /** A file that has become wrong leaves things as they are: the running terminal is worth more. */
  async #reload(): Promise<void> {
    const reason = await this.#wrongFile();
    if (this.#stopped !== undefined) return;
    this.#tell({ type: 'fault', fault: 'config', raised: reason !== undefined, reason: reason ?? 'it is sound' });
    // Somebody may have pressed meanwhile.
    if (reason !== undefined) return;
    if (this.#terminal.status(now()).calls.length === 0) this.#onReload?.();
    else this.#tell({ type: 'check-sync', by: 'a reload that a call has delayed', reboot: false });
  }

  #obey(command: Command, source: CommandSource): CommandAnswer {
    const verdicts = this.#tell({ type: 'command', command, source });
    const refusal = verdicts.find((event) => event.type === 'command' && !event.ok);
    return refusal?.type === 'command' ? { ok: false, reason: refusal.reason ?? 'refused' } : { ok: true };
  }

  status() {
    const terminal = this.#terminal.status(now());
    // The terminal hears of an account with its first outcome; who looks before wants to know that there is one.
    const untried = this.#config.sip.accounts.map(({ name }) => [
      name,
      { registered: false, reason: 'not yet answered' },
    ]);
    return told({
      version: this.#version,
      ...terminal,
      registrations: { ...(Object.fromEntries(untried) as typeof terminal.registrations), ...terminal.registrations },
      sound: this.#media.status(),
      strangers: { ...this.#turnedAway(), ...this.#transport.strangers },
      mqtt: this.#config.mqtt ? { connected: this.#mqtt?.connected ?? false } : null,
    });
  }

  // ---------------------------------------------------------------- the loop

  /** Takes one input from the world: `step` gives it to a machine. */
  #take(step: () => CallOutput[]): void {
    this.#perform(step());
    this.#drain();
  }

  /** Tells the terminal something; the events it made of it, and of all that was waiting, come back. */
  #tell(input: TerminalInput | 'time') {
    this.#inbox.push(input);
    return this.#drain();
  }

  #drain() {
    const events: TerminalEvent[] = [];
    if (this.#busy) return events; // the outer call goes on with the inbox
    this.#busy = true;
    const told = this.#inbox.length > 0;
    for (let input = this.#inbox.shift(); input; input = this.#inbox.shift()) {
      const actions = input === 'time' ? this.#terminal.timeout(now()) : this.#terminal.receive(input, now());
      // Done first, then told: the journal and the log take longer than to send an INVITE. Told even when doing it fails.
      try {
        for (const action of actions) if (action.type !== 'event') this.#act(action);
      } finally {
        for (const action of actions) if (action.type === 'event') events.push(this.#write(action.event));
      }
    }
    this.#busy = false;
    if (told) {
      this.#mqtt?.statusChanged();
      this.#onChange();
    }
    this.#arm();
    return events;
  }

  #perform(outputs: readonly CallOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#transport.send(output.message, output.hop, output.transaction);
          break;
        case 'resolve': {
          const { query, uri } = output;
          const hops = this.#resolver.resolve(uri);
          if (Array.isArray(hops)) this.#perform(this.#calls.resolved(query, hops, now()));
          else
            void hops
              // The resolver has said why.
              .catch(() => [])
              .then((found) => this.#take(() => this.#calls.resolved(query, found, now())));
          break;
        }
        case 'registration': {
          const { account, state, reason } = output;
          if (state === 'registering') break;
          this.#log.info('Registration', told({ account, state, status: output.status, reason }));
          this.#inbox.push({ type: 'registered', account, registered: state === 'registered', reason });
          break;
        }
        case 'terminal':
          this.#inbox.push(output.input);
          break;
        default:
          unreachable(output);
      }
    }
  }

  #act(action: Exclude<TerminalAction, { type: 'event' }>): void {
    const at = now();
    switch (action.type) {
      case 'dial':
        return this.#perform(this.#calls.dial(action.call, action.uri, at, action.transfer));
      case 'follow':
        return this.#perform(this.#calls.follow(action.call, action.transfer, action.to, at));
      case 'stay':
        return this.#perform(this.#calls.stay(action.transfer, at));
      case 'refer':
        return this.#perform(this.#calls.refer(action.call, action.to, at));
      case 'answer':
        return this.#perform(this.#calls.answer(action.call, action.direction, at));
      case 'alert':
        return this.#perform(this.#calls.alert(action.call, at));
      case 'reject':
        return this.#perform(this.#calls.reject(action.call, action.code, at));
      case 'hangup':
        return this.#perform(this.#calls.hangup(action.call, action.cause, at));
      case 'hold':
        return this.#perform(this.#calls.hold(action.call, action.held, at));
      case 'listen':
        return this.#calls.listen(action.call, action.microphone, action.speaker);
      case 'digits':
        return this.#perform(this.#calls.digits(action.call, action.digits, at));
      case 'tone':
        return this.#media.tone(action.tone, action.on);
      case 'announce':
        return this.#sounds.take(
          action.file,
          (samples, rateHz) => this.#calls.say(action.call, samples, rateHz),
          (missing) => this.#audible(action.file, missing),
        );
      case 'prompt':
        return this.#sounds.play(action.file, (missing) => this.#audible(action.file, missing));
      case 'speak':
        return this.#sounds.speak(action.text, (missing) => {
          const raised = missing !== undefined;
          this.#tell({ type: 'fault', fault: 'speech', raised, reason: missing ?? 'it speaks' });
        });
      case 'message':
        return this.#perform(this.#calls.takeMessage(action.message, action.taken, at));
      case 'reload':
        return void this.#reload();
      case 'silence':
        return this.#sounds.stop();
      case 'volume':
        return this.#media.volume(action.volume);
      case 'output':
        return this.#switch(this.#blinker.set(action.output, action.on, action.blinkMs, at));
      default:
        return unreachable(action);
    }
  }

  #write(event: TerminalEvent): TerminalEvent {
    this.#log.info('Event', { event: this.#journal.append(told(event)) });
    return event;
  }

  #switch(levels: readonly { output: string; on: boolean }[]): void {
    for (const { output, on } of levels) this.#gpio.setOutput(output, on);
  }

  /** A prompt that nobody will hear is a fault until it is heard. */
  #audible(file: string, missing?: string): void {
    const raised = missing !== undefined;
    this.#tell({ type: 'fault', fault: `prompt:${basename(file)}`, raised, reason: missing ?? 'it plays' });
  }

  #heard(event: MediaEvent): void {
    if (event.type === 'sound') {
      const { speaker, microphone, reason } = event.status;
      this.#tell({ type: 'fault', fault: 'sound', raised: speaker === 'fault' || microphone === 'fault', reason });
    }
    this.#take(() => this.#calls.noticed(event, now()));
  }

  /** One alarm for all machines: the earliest of their deadlines. */
  #arm(): void {
    clearTimeout(this.#alarm);
    const at = earliest([this.#calls.deadline, this.#terminal.deadline, this.#blinker.deadline]);
    if (at === undefined) return;
    const wait = Math.min(Math.max(0, at - now()), longestWaitMs);
    this.#alarm = setTimeout(() => this.#ring(), wait);
  }

  #ring(): void {
    const at = now();
    this.#switch(this.#blinker.timeout(at));
    if ((this.#terminal.deadline ?? Number.POSITIVE_INFINITY) <= at) this.#tell('time');
    this.#take(() => this.#calls.timeout(now()));
  }
}

/** What the rules say of callers, for the user agent's door. */
function trustOf(config: Config): Trust {
  const { incoming } = config.terminal;
  const { strangers, realm, users } = config.sip;
  const anybody = letsAnybody(incoming);
  return {
    knows: (address, identities) => anybody || mayWatch(config, address) || names(incoming, address, identities),
    challenges: (uri, sourceAddress, identities) =>
      challenges(incoming, { uri, displayName: '', sourceAddress, identities }),
    strangers,
    realm,
    users: new Map(Object.entries(users)),
  };
}

const mayWatch = ({ sip: { watchers = [] } }: Config, address: string): boolean =>
  watchers.some((range) => inPrefix(range, address));

function whyNotDialled(target: string): string | undefined {
  try {
    const { scheme } = parseUri(target);
    if (scheme === 'sip' || scheme === 'sips') return undefined;
    return `${scheme}: is not available in this version: dial sip:USER@HOST`;
  } catch {
    return `"${target}" is no SIP URI such as sip:100@10.0.0.2`;
  }
}

/** The clock of all machines: ms, monotonic. */
const now = (): number => performance.now();
