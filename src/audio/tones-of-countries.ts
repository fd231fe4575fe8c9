/**
 * Ringback and busy as a country's telephones have them (ITU-T E.180 Supplement 2): `425/1000 0/4000` is 425 Hz for 1 s, silence
 * for 4 s; `+` adds frequencies, `*` is a frequency that swells and fades at the rate behind it. `warning`: what follows is
 * recorded or about to end; where none is given it is three short ones at 1400 Hz.
 */

export interface CountryTones {
  ringback: string;
  busy: string;
  warning?: string;
}

/** ETSI TR 101 041-2: most of the continent. */
const EUROPE: CountryTones = { ringback: '425/1000 0/4000', busy: '425/500 0/500' };
const UNITED_KINGDOM: CountryTones = {
  ringback: '400+450/400 0/200 400+450/400 0/2000',
  busy: '400/375 0/375',
  warning: '1400/350',
};
const NORTH_AMERICA: CountryTones = { ringback: '440+480/2000 0/4000', busy: '480+620/500 0/500', warning: '1400/500' };

/** By ISO 3166 code in lower case, and `europe`. */
export const COUNTRY_TONES = {
  europe: EUROPE,
  at: { ringback: '420/1000 0/5000', busy: '420/400 0/400' },
  au: { ringback: '413+438/400 0/200 413+438/400 0/2000', busy: '425/375 0/375', warning: '1400/500' },
  be: { ringback: '425/1000 0/3000', busy: '425/500 0/500' },
  br: { ringback: '425/1000 0/4000', busy: '425/250 0/250' },
  ca: NORTH_AMERICA,
  ch: EUROPE,
  cn: { ringback: '450/1000 0/4000', busy: '450/350 0/350' },
  cz: { ringback: '425/1000 0/4000', busy: '425/330 0/330' },
  de: { ringback: '425/1000 0/4000', busy: '425/480 0/480' },
  dk: EUROPE,
  es: { ringback: '425/1500 0/3000', busy: '425/200 0/200' },
  fi: { ringback: '425/1000 0/4000', busy: '425/300 0/300' },
  fr: { ringback: '440/1500 0/3500', busy: '440/500 0/500' },
  gb: UNITED_KINGDOM,
  gr: { ringback: '425/1000 0/4000', busy: '425/300 0/300' },
  hu: { ringback: '425/1250 0/3750', busy: '425/300 0/300' },
  ie: UNITED_KINGDOM,
  in: { ringback: '400*25/400 0/200 400*25/400 0/2000', busy: '400/750 0/750' },
  it: EUROPE,
  jp: { ringback: '400*16/1000 0/2000', busy: '400/500 0/500' },
  nl: EUROPE,
  no: EUROPE,
  nz: { ringback: '400+450/400 0/200 400+450/400 0/2000', busy: '400/500 0/500' },
  pl: EUROPE,
  pt: { ringback: '425/1000 0/5000', busy: '425/500 0/500' },
  se: { ringback: '425/1000 0/5000', busy: '425/250 0/250' },
  us: NORTH_AMERICA,
  za: { ringback: '400*33/400 0/200 400*33/400 0/2000', busy: '400/500 0/500' },
} as const satisfies Record<string, CountryTones>;

export type Country = keyof typeof COUNTRY_TONES;
