/**
 * RTCP: compound packets of SR or RR, SDES and BYE, RFC 3550 §6. Once in some seconds, so made of objects.
 *
 * NTP time stamps are made from the monotonic clock: §6.4.1 allows any common clock, and a board without a battery has no
 * better one.
 */
import { readUint32, writeUint32 } from './packet.ts';
import type { VoipMetrics } from './quality.ts';
import type { ReportBlock } from './reception.ts';
import { formatVoip, parseXr, VOIP_BYTES, XR } from './xr.ts';

const SR = 200;
const RR = 201;
const SDES = 202;
const BYE = 203;
const CNAME = 1;
const MAX_TEXT_BYTES = 255;

export interface SenderReport {
  ssrc: number;
  ntpSeconds: number;
  ntpFraction: number;
  rtpTimestamp: number;
  packetsSent: number;
  octetsSent: number;
}

export interface RtcpReport {
  sender?: SenderReport;
  /** About us and others, from SR and RR alike. */
  blocks: (ReportBlock & { reporter: number })[];
  cname?: string;
  /** RFC 3611: how a stream of `ssrc` is heard where the report comes from. */
  voip?: VoipMetrics & { ssrc: number };
  /** SSRCs that left. */
  bye: number[];
}

/** Reads a compound packet; undefined when it is none (§A.2). Unknown packet types are passed over. */
export function parseRtcp(bytes: Uint8Array, length: number = bytes.length): RtcpReport | undefined {
  const report: RtcpReport = { blocks: [], bye: [] };
  let at = 0;
  while (at < length) {
    if (at + 4 > length || bytes[at] >> 6 !== 2) return undefined;
    const count = bytes[at] & 0x1f;
    const type = bytes[at + 1];
    const end = at + 4 * (1 + ((bytes[at + 2] << 8) | bytes[at + 3]));
    if (end > length) return undefined;
    // §A.2 wants SR or RR first; RFC 5506 (reduced size) dropped that, and so do some phones' BYEs.
    if (type === SR && end - at >= 28) {
      report.sender = {
        ssrc: readUint32(bytes, at + 4),
        ntpSeconds: readUint32(bytes, at + 8),
        ntpFraction: readUint32(bytes, at + 12),
        rtpTimestamp: readUint32(bytes, at + 16),
        packetsSent: readUint32(bytes, at + 20),
        octetsSent: readUint32(bytes, at + 24),
      };
      parseBlocks(bytes, at + 28, end, count, readUint32(bytes, at + 4), report);
    } else if (type === RR && end - at >= 8) {
      parseBlocks(bytes, at + 8, end, count, readUint32(bytes, at + 4), report);
    } else if (type === SDES && count > 0) {
      report.cname ??= parseCname(bytes, at + 8, end);
    } else if (type === XR) {
      report.voip ??= parseXr(bytes, at + 8, end);
    } else if (type === BYE) {
      for (let i = 0; i < count && at + 8 + 4 * i <= end; i++) report.bye.push(readUint32(bytes, at + 4 + 4 * i));
    }
    at = end;
  }
  return at === 0 ? undefined : report;
}

function parseBlocks(bytes: Uint8Array, start: number, end: number, count: number, reporter: number, to: RtcpReport) {
  for (let i = 0, at = start; i < count && at + 24 <= end; i++, at += 24) {
    to.blocks.push({
      reporter,
      ssrc: readUint32(bytes, at),
      fractionLost: bytes[at + 4],
      cumulativeLost: (readUint32(bytes, at + 4) << 8) >> 8,
      extendedSequence: readUint32(bytes, at + 8),
      jitterTicks: readUint32(bytes, at + 12),
      lastSr: readUint32(bytes, at + 16),
      delaySinceLastSr: readUint32(bytes, at + 20),
    });
  }
}

function parseCname(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let at = start; at + 2 <= end && bytes[at] !== 0; at += 2 + bytes[at + 1]) {
    const stop = at + 2 + bytes[at + 1];
    if (bytes[at] === CNAME && stop <= end) return new TextDecoder().decode(bytes.subarray(at + 2, stop));
  }
  return undefined;
}

/** An SR when `sender` is given, else an RR; then SDES with the CNAME, XR when `voip` is given, and BYE when `bye` is set. */
export function formatRtcp(report: {
  ssrc: number;
  cname: string;
  sender?: Omit<SenderReport, 'ssrc'>;
  block?: ReportBlock;
  voip?: VoipMetrics & { ssrc: number };
  bye?: boolean;
}): Uint8Array {
  const cname = new TextEncoder().encode(report.cname).subarray(0, MAX_TEXT_BYTES);
  const reportBytes = (report.sender ? 28 : 8) + (report.block ? 24 : 0);
  // Chunk: SSRC, item, and at least one zero, up to the next multiple of four (§6.5).
  const sdesBytes = 4 + 4 * Math.ceil((4 + 2 + cname.length + 1) / 4);
  const xrBytes = report.voip ? 8 + VOIP_BYTES : 0;
  const bytes = new Uint8Array(reportBytes + sdesBytes + xrBytes + (report.bye ? 8 : 0));
  let at = head(bytes, 0, report.sender ? SR : RR, report.block ? 1 : 0, reportBytes, report.ssrc);
  if (report.sender) {
    const { ntpSeconds, ntpFraction, rtpTimestamp, packetsSent, octetsSent } = report.sender;
    for (const word of [ntpSeconds, ntpFraction, rtpTimestamp, packetsSent, octetsSent]) {
      writeUint32(bytes, at, word);
      at += 4;
    }
  }
  if (report.block) {
    const { ssrc, fractionLost, cumulativeLost, extendedSequence, jitterTicks, lastSr, delaySinceLastSr } =
      report.block;
    const loss = ((fractionLost << 24) | (cumulativeLost & 0xffffff)) >>> 0;
    for (const word of [ssrc, loss, extendedSequence, jitterTicks, lastSr, delaySinceLastSr]) {
      writeUint32(bytes, at, word);
      at += 4;
    }
  }
  at = head(bytes, reportBytes, SDES, 1, sdesBytes, report.ssrc);
  bytes[at] = CNAME;
  bytes[at + 1] = cname.length;
  bytes.set(cname, at + 2);
  if (report.voip) formatVoip(report.voip, bytes, head(bytes, reportBytes + sdesBytes, XR, 0, xrBytes, report.ssrc));
  if (report.bye) head(bytes, reportBytes + sdesBytes + xrBytes, BYE, 1, 8, report.ssrc);
  return bytes;
}

function head(bytes: Uint8Array, at: number, type: number, count: number, length: number, ssrc: number): number {
  bytes[at] = 0x80 | count;
  bytes[at + 1] = type;
  bytes[at + 2] = (length / 4 - 1) >> 8;
  bytes[at + 3] = length / 4 - 1;
  writeUint32(bytes, at + 4, ssrc);
  return at + 8;
}
