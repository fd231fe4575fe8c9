/** The wiring: builds every room from the configuration, starts and stops them, and says how things stand. No rules here. */
import { join } from 'node:path';
import type { Logger } from '../base/index.ts';
import type { Calls } from '../call/index.ts';
import type { Config } from '../config/index.ts';
import { ControlServer } from '../control/index.ts';
import { createGpio, type Gpio } from '../io/gpio/index.ts';
import { MemoryKeeper } from '../io/memory.ts';
import { type NetworkState, NetworkWatch } from '../io/network.ts';
import { Journal, journalFolder } from '../journal/index.ts';
import { createMediaEngine } from '../media/index.ts';
import type { MediaEngine, MediaEvent } from '../media/types.ts';
import { type CommandAnswer, Mqtt } from '../mqtt/index.ts';
import { Dns, Resolver, SipTransport } from '../sip/transport/index.ts';
import type { UserAgent } from '../sip/ua/index.ts';
import {
  type Command,
  foreseen,
  names,
  type Prompt,
  Terminal,
  type TerminalEvent,
  type TerminalInput,
} from '../terminal/index.ts';
import { Ring } from '../trace/index.ts';
import { createWeb, type Web } from '../web/index.ts';
import { Acquisitions } from './acquire.ts';
import { Actions } from './actions.ts';
import { AudiblePages } from './audible-pages.ts';
import { spoken } from './codecs.ts';
import { type CommandSource, Commands } from './commands.ts';
import { Loop } from './loop.ts';
import { Night } from './night.ts';
import { now } from './now.ts';
import { controlHandler } from './operator.ts';
import { Pages } from './pages.ts';
import { Quality } from './quality.ts';
import { systemRandom } from './random.ts';
import { Recorder } from './recorder.ts';
import { makeCalls, makeUserAgent } from './signalling.ts';
import { promptsOf, Sounds } from './sounds.ts';
import { SoundTest } from './soundtest.ts';
import { Speech } from './speech.ts';
import { told } from './told.ts';
import { LeaveWord } from './word.ts';

export interface ServiceOptions {
  config: Config;
  /** Where the journal lives. */
  stateDirectory: string;
  socketPath: string;
  version: string;
  logger: Logger;
  /** What `status` says may have changed. */
  onChange(): void;
  /** The configuration was read anew, is sound, and nothing goes on: the service wants to be replaced by one of `config`. */
  onReload?(config: Config): void;
  /** Buttons that were pressed while the service before this one made room: they are pressed now. */
  pressed?: readonly string[];
}

/** How long a stop waits for the answers to its BYEs and un-REGISTERs. */
const farewellMs = 2_000;
/** In 5 s: registrations, probes and a few calls are fewer, a flood is more. */
const fewInputs = 200;

export class Service {
  readonly #config: Config;
  readonly #version: string;
  readonly #codecs: Config['codecs'];
  readonly #log: Logger;
  readonly #onChange: () => void;
  readonly #journal: Journal;
  readonly #media: MediaEngine;
  readonly #sounds: Sounds;
  readonly #recorder: Recorder;
  readonly #calls: Calls;
  readonly #terminal: Terminal;
  readonly #transport: SipTransport;
  readonly #trace = new Ring();
  readonly #turnedAway: () => UserAgent['turnedAway'];
  readonly #network: NetworkWatch;
  /** The machine had an address others can reach when it was last looked at. */
  #connected = false;
  readonly #gpio: Gpio;
  readonly #control: ControlServer;
  #mqtt?: Mqtt;
  #web?: Web;
  readonly #commands: Commands;
  readonly #soundTest: SoundTest;
  readonly #audible = new AudiblePages();
  readonly #actions: Actions;
  readonly #pages: Pages;
  readonly #acquisitions: Acquisitions;
  #started?: Promise<void>;
  #stopped?: Promise<void>;
  /** Another service follows this one in a moment. */
  #replaced = false;
  readonly #pressed = new Set<string>();
  readonly #pressedBefore: readonly string[];

  readonly #loop: Loop;
  readonly #quality = new Quality();
  readonly #memory = new MemoryKeeper(() => {
    if (this.#loop.taken() >= fewInputs) return 'busy';
    return this.#engaged ? 'engaged' : 'idle';
  });
  readonly #night: Night;

  constructor(options: ServiceOptions) {
    const { config, logger, stateDirectory } = options;
    const tell = (input: TerminalInput): TerminalEvent[] => this.#loop.tell(input);
    const write = (event: TerminalEvent): TerminalEvent => this.#write(event);
    const busy = (): boolean => this.#engaged;
    this.#config = config;
    this.#version = options.version;
    this.#log = logger;
    this.#onChange = options.onChange;
    this.#pressedBefore = options.pressed ?? [];
    this.#journal = new Journal({
      directory: journalFolder(stateDirectory),
      logger,
      onFault: (raised, reason) => this.#fault('journal', raised, reason),
    });
    const mixerFile = join(stateDirectory, 'mixer.json');
    this.#media = createMediaEngine({ ...config.media, mixerFile }, logger);
    this.#sounds = new Sounds(this.#media, new Speech(config.voice, join(stateDirectory, 'speech')), logger);
    this.#terminal = new Terminal(config.terminal, systemRandom);
    this.#night = new Night(
      config.night,
      () => this.#terminal.status(now()).calls.map(({ priority }) => priority),
      (percent) => this.#media.ceiling(percent),
    );
    this.#codecs = spoken(config.codecs, logger);
    const ua = makeUserAgent(options);
    this.#calls = makeCalls(ua, this.#media, options, this.#codecs);
    this.#turnedAway = () => ua.turnedAway;
    this.#recorder = new Recorder(join(stateDirectory, 'recordings'), config.recordings, logger, (news) => {
      this.#write({ type: 'recording', ...news });
      if (news.state === 'started') return;
      if (news.what === 'message') this.#countMessages();
      this.#fault('recording', news.state === 'failed', news.reason ?? 'it was recorded');
    });
    this.#soundTest = new SoundTest({
      config: config.selftest,
      stateDirectory,
      media: this.#media,
      log: logger,
      busy,
      write,
      tell,
    });
    this.#commands = new Commands({
      config,
      sounds: this.#sounds,
      soundTest: this.#soundTest,
      onReload: options.onReload && ((sound) => this.#makeRoom(() => options.onReload?.(sound))),
      stopped: () => this.#stopped !== undefined,
      busy,
      tell,
    });
    this.#pages = new Pages({
      config: config.pages,
      media: this.#media,
      sounds: this.#sounds,
      calls: this.#calls,
      tell,
    });
    this.#actions = new Actions({
      calls: this.#calls,
      media: this.#media,
      sounds: this.#sounds,
      pages: this.#pages,
      recorder: this.#recorder,
      word: new LeaveWord(this.#sounds, this.#media, this.#recorder, tell),
      soundTest: this.#soundTest,
      setOutput: (output, on) => this.#gpio.setOutput(output, on),
      tell,
      reload: () => void this.#commands.reload(),
    });
    this.#acquisitions = new Acquisitions((...fault) => this.#fault(...fault), logger);
    this.#transport = new SipTransport({
      listen: config.sip.listen,
      tls: config.sip.tls,
      dscp: config.sip.dscp,
      limits: {
        known: (host) => ua.serverAt(host) || names(config.terminal.incoming, host, []),
        strangerPerS: config.sip.rate.stranger,
        knownPerS: config.sip.rate.known,
        silent: config.sip.strangers === 'silent',
      },
      logger,
      onMessage: (message, hop) => this.#loop.take(() => this.#calls.receive(message, hop, now())),
      onBytes: (passage) => this.#trace.put(passage, passage.known ? 'known' : 'strangers', Date.now()),
      onFailure: (transaction, reason) =>
        this.#loop.take(() => this.#calls.transportFailed(transaction, reason, now())),
      onRefused: (transaction) => this.#loop.take(() => this.#calls.refused(transaction, now())),
      onClosed: (flow) => this.#loop.take(() => this.#calls.transportChanged({ kind: 'flow', flow }, now())),
    });
    const resolver = new Resolver({
      localFor: (host, transport) => this.#transport.localFor(host, transport),
      hears: (transport) => this.#transport.hears(transport),
      random: systemRandom,
      dns: new Dns({ logger }),
      logger,
    });
    this.#loop = new Loop({
      calls: this.#calls,
      terminal: this.#terminal,
      actions: this.#actions,
      transport: this.#transport,
      resolver,
      write,
      changed: () => this.#changed(),
    });
    this.#network = new NetworkWatch((state) => this.#moved(state), logger);
    this.#gpio = createGpio(
      { inputs: config.device.buttons, outputs: config.device.outputs },
      // A button already down at the start is a press like any other: somebody may have held it through a restart.
      ({ input, active }) => this.#edge(input, active),
      (line, raised, reason) => this.#fault(`gpio:${line}`, raised, reason),
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
    const prompts = promptsOf(this.#config.terminal);
    const keep = async (prompt: Prompt) => [prompt, await this.#sounds.keep(prompt)] as const;
    const missing = await Promise.all(prompts.filter((prompt) => typeof prompt === 'string').map(keep));
    this.#media.onEvent((event) => this.#heard(event));
    this.#media.volume(this.#config.media.volume);
    this.#journal.append({ type: 'config', state: 'started', version: this.#version });
    for (const { line, path, message } of this.#config.warnings) this.#log.warn(`Line ${line}: ${path}: ${message}`);
    this.#loop.tell({ type: 'start' });
    for (const [prompt, reason] of missing) this.#actions.audible(prompt, reason);
    // To speak takes its time, and nobody waits for it: what is not ready yet is spoken when it is wanted.
    for (const prompt of prompts.filter((one) => typeof one !== 'string'))
      void keep(prompt).then(([, reason]) => this.#actions.audible(prompt, reason));
    const { mqtt, web, terminal, device } = this.#config;
    if (mqtt)
      this.#mqtt = new Mqtt(
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
          fault: (raised, reason) => this.#fault('mqtt', raised, reason),
        },
        this.#log,
      );
    this.#connected = this.#network.start().addresses.length > 0;
    this.#pages.start();
    await this.#acquisitions.acquire('sip', async () => {
      await this.#transport.start();
      this.#calls.ready.foresee(foreseen(this.#config.terminal), now());
      this.#loop.take(() => this.#calls.start(now()));
    });
    for (const button of this.#pressedBefore) for (const active of [true, false]) this.#edge(button, active);
    if (web)
      await this.#acquisitions.acquire('web', async () => {
        this.#web = await createWeb(web, this, this.#journal, this.#log);
      });
    this.#memory.start();
    void this.#recorder.mend().then(() => this.#countMessages());
    this.#night.start();
  }

  async #stop(): Promise<void> {
    this.#acquisitions.stop();
    // A start that is half done would open behind our back what has just been closed.
    await this.#started?.catch(() => {});
    const deadline = now() + farewellMs;
    this.#loop.tell({ type: 'stop' });
    this.#loop.take(() => this.#calls.stop(now()));
    while (!this.#calls.idle && now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#loop.stop();
    this.#night.stop();
    this.#network.stop();
    this.#memory.stop();
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

  /** Without any address there is no network; what is left of it, the registrations say. */
  #moved({ addresses }: NetworkState): void {
    const gone = addresses.length === 0;
    if (gone && this.#connected) this.#fault('network', true, 'no address');
    if (!gone) this.#fault('network', false, `address ${addresses[0]}`);
    this.#connected = !gone;
    this.#transport.refresh();
    this.#pages.refresh();
    this.#loop.take(() => this.#calls.transportChanged({ kind: 'network' }, now()));
  }

  /** Consoles that watch `message-summary` hear how many people have left word. */
  #countMessages(): void {
    void this.#recorder.messages().then((left) => {
      if (this.#stopped === undefined) this.#loop.take(() => this.#calls.messagesWait(left, now()));
    });
  }

  /** Buttons pressed since `onReload`, for the service that follows. */
  get pressed(): readonly string[] {
    return [...this.#pressed];
  }

  #makeRoom(reload: () => void): void {
    this.#replaced = true;
    reload();
  }

  #edge(button: string, active: boolean): void {
    if (this.#replaced && active) this.#pressed.add(button);
    else this.#loop.tell({ type: 'edge', button, active, source: 'button' });
  }

  /** There is a call, of whatever kind. */
  get #engaged(): boolean {
    return this.#terminal.engaged;
  }

  /** After `stop`: a sound driver holds a thread for good, and an ordinary end of the process would wait for it. */
  get hung(): boolean {
    return this.#media.hung;
  }

  // ---------------------------------------------------------------- what operators ask and see

  command(command: Command, source: CommandSource): CommandAnswer | Promise<CommandAnswer> {
    if (command.verb === 'press' && this.#replaced && command.button in this.#config.device.buttons) {
      this.#pressed.add(command.button);
      return { ok: true };
    }
    return this.#commands.take(command, source);
  }

  status() {
    const terminal = this.#terminal.status(now());
    // The terminal hears of an account with its first outcome; who looks before wants to know that there is one.
    const untried = this.#config.sip.accounts.map(({ name }) => [
      name,
      { registered: false, reason: 'not yet answered' },
    ]);
    const calls = terminal.calls.map((call) => {
      const encryption = this.#calls.encryption(call.call);
      const quality = this.#quality.of(call.call);
      return { ...call, ...(encryption && { encryption }), ...(quality && { quality }) };
    });
    return told({
      version: this.#version,
      ...terminal,
      calls,
      registrations: { ...(Object.fromEntries(untried) as typeof terminal.registrations), ...terminal.registrations },
      sound: this.#media.status(),
      codecs: this.#codecs,
      ...(this.#config.pages.groups.length > 0 && { multicast: this.#pages.status() }),
      selftest: this.#soundTest.status,
      strangers: { ...this.#turnedAway(), ...this.#transport.strangers },
      mqtt: this.#config.mqtt ? { connected: this.#mqtt?.connected ?? false } : null,
    });
  }

  // ---------------------------------------------------------------- what the loop is given, and what comes of it

  #fault(fault: string, raised: boolean, reason: string): void {
    this.#loop.tell({ type: 'fault', fault, raised, reason });
  }

  #changed(): void {
    this.#night.look();
    this.#mqtt?.statusChanged();
    this.#onChange();
  }

  #write(said: TerminalEvent): TerminalEvent {
    const event = this.#audible.complete(said);
    if (event.type === 'page' && ['ended', 'failed'].includes(event.state)) this.#pages.ended(event.call);
    if (event.type === 'press' || event.type === 'call' || event.type === 'page')
      this.#soundTest.cut(`a ${event.type} began`);
    this.#log.info('Event', { event: this.#journal.append(told(event)) });
    return event;
  }

  #heard(event: MediaEvent): void {
    this.#pages.heard(event);
    this.#soundTest.heard(event);
    if (event.type === 'audible') this.#audible.heard(event.audible);
    const quality = this.#quality.noticed(event);
    if (quality) this.#write(quality);
    if (event.type === 'played') this.#sounds.played(event.sound);
    if (event.type === 'sound') this.#fault('sound', event.status.reason !== '', event.status.reason);
    if (event.type === 'controls') this.#fault('sound-controls', event.reason !== '', event.reason);
    this.#loop.take(() => this.#calls.noticed(event, now()));
  }
}
