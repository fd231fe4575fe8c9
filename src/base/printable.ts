/** Text that somebody else wrote, as it may stand in a log, an event or on somebody's screen. */

/**
 * What is not to be seen, or moves what is: control characters (a terminal obeys them), line ends, marks that turn the
 * direction of writing, blanks of no width.
 */
const UNSEEN = /[\0-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Every such character becomes `\uXXXX`. Line feeds too: what is printed is one line. JSON stays JSON, and says the same. */
export function printable(text: string): string {
  return /^[ -~]*$/.test(text)
    ? text
    : text.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const URI_PASSWORD = /(sips?:[^\s:@<>,"]{0,256}:)[^\s@<>"]{1,512}(?=@)/gi;

/** URIs lose their passwords, and with them the letters that say how long they are. */
export function withoutPasswords(text: string): string {
  return text.includes('@') ? text.replace(URI_PASSWORD, '$1xxx') : text;
}
