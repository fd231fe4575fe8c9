/**
 * Half duplex by level: while the far side speaks the microphone is turned down, while somebody speaks near the loudspeaker is,
 * each no further than the echo needs. How loud the echo is is learned from what the microphone hears while the loudspeaker
 * plays; where nothing comes back (a headset, a canceller that has learned the room) nothing is turned down. Who began keeps the
 * floor as long as he speaks; who is near may break in: his voice comes on top of the echo, or goes its own ways.
 */
import { gainOf, SILENCE_DBFS } from './level.ts';

/** Below this the far side says nothing worth a duck. */
const FAR_DBFS = -50;
/**
 * The echo comes later than what makes it, and fades: the loudest of so many frames counts. What is heard is compared with what
 * was played so many before.
 */
const MEMORY = 20;
const RING = 64;
const LATEST = 6;
/**
 * What seems to be somebody near is the echo in a place that has changed, where its loudness over so many frames follows what was
 * played up to so many before.
 */
const COMPARED = 40;
const LATEST_ECHO = 10;
const ALIKE = 0.87;
/** And somebody speaks near, however loud the echo is, where it does not at all; told only where both swing by so many tenths of a dB. */
const UNLIKE = 0.45;
const SWING = 100;
/** Loudspeaker to microphone, where nothing is known yet: as loud as it was played. */
const FIRST_COUPLING_DB = 0;
const LEAST_COUPLING_DB = -70;
const MOST_COUPLING_DB = 12;
/** Per frame: quickly down where less comes back than was thought, slowly up where more does. */
const DOWN_SHARE = 0.08;
/** When the loudspeaker has played all the time for so many frames, an echo of any of them is heard now. */
const STEADY = 9;
const STEADY_SHARE = 0.2;
const UP_DB = 0.5;
const ECHOED_UP_DB = 1;
/** And while it looks as if somebody near spoke: it could be the echo, in a place that has changed. */
const DOUBTFUL_UP_DB = 0.03;
/** So much louder than the echo is a voice that is near, and so many frames in a row. */
const BREAK_IN_DB = 6;
const BREAK_IN_FRAMES = 3;
/** Frames that somebody is held to speak after his last loud one. */
const HANGOVER = 30;
/** An echo that is this much quieter than what else the microphone hears, or this quiet at all, disturbs nobody. */
const MASKED_DB = 6;
const QUIET_DBFS = -55;
/** The most that either is turned down: not to nothing, so that who is cut in on notices. */
const MOST_DB = 30;
const MOST_SPEAKER_DB = 18;
/** dB a frame: down within 20 ms and 60 ms, back within some 200 ms. */
const MICROPHONE_DOWN_DB = 12;
const SPEAKER_DOWN_DB = 3;
const BACK_DB = 1.5;

export class Duplex {
  /** Levels in tenths of a dB: whole numbers are compared without being boxed. */
  readonly #far = new Int16Array(RING).fill(10 * SILENCE_DBFS);
  readonly #near = new Int16Array(RING).fill(10 * SILENCE_DBFS);
  #at = 0;
  #couplingDb = FIRST_COUPLING_DB;
  #loud = 0;
  #echoed = false;
  #unlike = false;
  #nearFor = 0;
  #farFor = 0;
  #holder: 'near' | 'far' | 'nobody' = 'nobody';
  #microphoneDb = 0;
  #speakerDb = 0;
  #needDb = MOST_DB;
  /** Factors for this frame. */
  microphone = 1;
  speaker = 1;

  /** Nothing comes back that would be worth a duck, as loud as the far side spoke last. */
  get clear(): boolean {
    return this.#needDb === 0;
  }

  /** What comes back of the loudspeaker, dB; as far as is known, never less than it is. */
  get couplingDb(): number {
    return this.#couplingDb;
  }

  /**
   * Levels of these 10 ms, dBFS: of what the loudspeaker played, of what the microphone heard, of the place. `mastered`:
   * somebody else has done away with the echo, so both come back up.
   */
  update(farDbfs: number, nearDbfs: number, ambientDbfs: number, mastered: boolean): void {
    this.#far[this.#at] = 10 * farDbfs;
    this.#near[this.#at] = 10 * nearDbfs;
    this.#at = (this.#at + 1) % RING;
    const far = this.#loudest(this.#far, 0, MEMORY) / 10;
    const ambient = Number.isNaN(ambientDbfs) ? SILENCE_DBFS : ambientDbfs;
    const echoDbfs = far + this.#couplingDb;
    const beside = this.#beside(far, nearDbfs, ambient);
    const onTop = beside || (nearDbfs > Math.max(echoDbfs, ambient) + BREAK_IN_DB && nearDbfs > QUIET_DBFS);
    this.#loud = onTop ? this.#loud + 1 : 0;
    // Looked at now and then: it is the dearest question here.
    if (this.#loud > 0 && far > FAR_DBFS && this.#at % BREAK_IN_FRAMES === 0) this.#echoed = this.#alike() > ALIKE;
    else if (this.#loud === 0 && this.#nearFor === 0) this.#echoed = false;
    if (this.#echoed) this.#loud = 0;
    this.#nearFor = this.#loud >= BREAK_IN_FRAMES ? HANGOVER : this.#echoed ? 0 : Math.max(0, this.#nearFor - 1);
    this.#farFor = farDbfs > FAR_DBFS ? HANGOVER : Math.max(0, this.#farFor - 1);
    const played = this.#loudest(this.#far, LATEST, MEMORY);
    if (played > 10 * FAR_DBFS && !mastered) this.#learn((this.#loudest(this.#near, 0, MEMORY - LATEST) - played) / 10);
    if (mastered) return this.rest();
    this.#doubt();
    this.#give(echoDbfs, ambient);
  }

  /** Nobody speaks with anybody: both come back up. */
  rest(): void {
    this.#holder = 'nobody';
    this.#turn(0, 0);
  }

  /** Whoever speaks near from the first word on hides that there is no echo; but where the far side goes on, his shortest pause tells. */
  #doubt(): void {
    let steady = 0;
    for (let age = 0; age < STEADY; age++) {
      const level = this.#far[(this.#at + RING - 1 - age) % RING];
      if (level < steady) steady = level;
    }
    if (steady < 10 * FAR_DBFS) return;
    const ratioDb = (this.#loudest(this.#near, 0, 2) - steady) / 10;
    if (ratioDb < this.#couplingDb)
      this.#couplingDb += STEADY_SHARE * (Math.max(LEAST_COUPLING_DB, ratioDb) - this.#couplingDb);
  }

  #learn(ratioDb: number): void {
    if (ratioDb < this.#couplingDb)
      this.#couplingDb = Math.max(LEAST_COUPLING_DB, this.#couplingDb + DOWN_SHARE * (ratioDb - this.#couplingDb));
    else {
      const upDb = this.#echoed ? ECHOED_UP_DB : this.#nearFor === 0 ? UP_DB : DOUBTFUL_UP_DB;
      this.#couplingDb = Math.min(ratioDb, MOST_COUPLING_DB, this.#couplingDb + upDb);
    }
  }

  /** Somebody speaks near, no louder than the echo may be: what is heard goes its own ways. */
  #beside(far: number, nearDbfs: number, ambient: number): boolean {
    if (far < FAR_DBFS || nearDbfs < QUIET_DBFS || nearDbfs < ambient + BREAK_IN_DB) this.#unlike = false;
    else if (this.#at % BREAK_IN_FRAMES === 0)
      this.#unlike = this.#swing(this.#far) > SWING && this.#swing(this.#near) > SWING && this.#alike() < UNLIKE;
    return this.#unlike;
  }

  #swing(levels: Int16Array): number {
    let least = 0;
    let most = 10 * SILENCE_DBFS;
    for (let i = 0; i < COMPARED; i++) {
      const level = levels[(this.#at + RING - 1 - i) % RING];
      if (level < least) least = level;
      if (level > most) most = level;
    }
    return most - least;
  }

  /** How much what is heard follows what was played: the best correlation of the levels, over the lags an echo may have. */
  #alike(): number {
    let best = 0;
    for (let lag = 0; lag <= LATEST_ECHO; lag++) {
      let x = 0;
      let y = 0;
      let xx = 0;
      let yy = 0;
      let xy = 0;
      for (let i = 0; i < COMPARED; i++) {
        const a = this.#near[(this.#at + RING - 1 - i) % RING];
        const b = this.#far[(this.#at + RING - 1 - i - lag) % RING];
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
      }
      const variance = (COMPARED * xx - x * x) * (COMPARED * yy - y * y);
      if (variance > 0) best = Math.max(best, (COMPARED * xy - x * y) / Math.sqrt(variance));
    }
    return best;
  }

  /** Of the frames that are `from` to `to` old. */
  #loudest(levels: Int16Array, from: number, to: number): number {
    let loudest = 10 * SILENCE_DBFS;
    for (let age = from; age < to; age++) {
      const level = levels[(this.#at + RING - 1 - age) % RING];
      if (level > loudest) loudest = level;
    }
    return loudest;
  }

  #give(echoDbfs: number, ambientDbfs: number): void {
    if (this.#nearFor > 0) this.#holder = 'near';
    else if (this.#farFor > 0) this.#holder = 'far';
    else this.#holder = 'nobody';
    const surplusDb = echoDbfs - Math.max(QUIET_DBFS, ambientDbfs - MASKED_DB);
    const needDb = Math.max(0, surplusDb);
    if (this.#farFor > 0) this.#needDb = needDb;
    if (this.#holder === 'far') this.#turn(-Math.min(MOST_DB, needDb), 0);
    else if (this.#holder === 'near') this.#turn(0, -Math.min(MOST_SPEAKER_DB, needDb));
    else this.#turn(0, 0);
  }

  #turn(microphoneDb: number, speakerDb: number): void {
    this.#microphoneDb = toward(this.#microphoneDb, microphoneDb, MICROPHONE_DOWN_DB);
    this.#speakerDb = toward(this.#speakerDb, speakerDb, SPEAKER_DOWN_DB);
    this.microphone = this.#microphoneDb === 0 ? 1 : gainOf(this.#microphoneDb);
    this.speaker = this.#speakerDb === 0 ? 1 : gainOf(this.#speakerDb);
  }
}

function toward(nowDb: number, goalDb: number, downDb: number): number {
  return goalDb < nowDb ? Math.max(goalDb, nowDb - downDb) : Math.min(goalDb, nowDb + BACK_DB);
}
