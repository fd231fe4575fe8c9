/** Packets of Opus in an Ogg file, RFC 3533 and 7845: so that others can hear what we encode, and we what they do. */

const POLYNOMIAL = 0x04c11db7;
const PRE_SKIP = 0;

/** `granule`: samples of 48 kHz so far, of each packet. */
export function formatOggOpus(packets: readonly Uint8Array[], ticksPerPacket: number, rateHz: number): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\0\0\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt16LE(PRE_SKIP, 10);
  head.writeUInt32LE(rateHz, 12);
  const tags = Buffer.from('OpusTags\x04\0\0\0test\0\0\0\0', 'latin1');
  const pages = [page([head], 0, 0, 2), page([tags], 0, 1, 0)];
  for (let at = 0; at < packets.length; at += 25) {
    const some = packets.slice(at, at + 25);
    const last = at + 25 >= packets.length;
    pages.push(page(some, (at + some.length) * ticksPerPacket, pages.length, last ? 4 : 0));
  }
  return Buffer.concat(pages);
}

/** The packets of the one stream in `ogg`, headers left out; packets over several pages are joined. */
export function parseOggOpus(ogg: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  let open: Buffer[] = [];
  for (let at = 0; at + 27 <= ogg.length && ogg.toString('latin1', at, at + 4) === 'OggS'; ) {
    const laces = ogg.subarray(at + 27, at + 27 + ogg[at + 26]);
    at += 27 + laces.length;
    for (const lace of laces) {
      open.push(ogg.subarray(at, at + lace));
      at += lace;
      if (lace === 255) continue;
      packets.push(Buffer.concat(open));
      open = [];
    }
  }
  return packets.slice(2);
}

function page(packets: readonly Uint8Array[], granule: number, sequence: number, flags: number): Buffer {
  const laces = packets.flatMap(({ length }) => [...Array<number>(Math.floor(length / 255)).fill(255), length % 255]);
  const header = Buffer.alloc(27 + laces.length);
  header.write('OggS', 0, 'latin1');
  header[5] = flags;
  header.writeBigUInt64LE(BigInt(granule), 6);
  header.writeUInt32LE(1, 14);
  header.writeUInt32LE(sequence, 18);
  header[26] = laces.length;
  header.set(laces, 27);
  const whole = Buffer.concat([header, ...packets]);
  let crc = 0;
  for (const byte of whole) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  }
  whole.writeUInt32LE(crc >>> 0, 22);
  return whole;
}
