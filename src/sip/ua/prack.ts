/** RSeq and RAck, RFC 3262 §7, and which reliable provisional response is in order, §4. */
import type { SipRequest, SipResponse } from '../message/index.ts';

export interface RAck {
  rseq: number;
  /** Number and method of the request that was answered provisionally. */
  sequence: number;
  method: string;
}

export function parseRAck(text: string | undefined): RAck | undefined {
  const match = /^(\d{1,10})\s+(\d{1,10})\s+([\w.!%*+`'~-]+)$/.exec(text ?? '');
  return match === null ? undefined : { rseq: Number(match[1]), sequence: Number(match[2]), method: match[3] };
}

/** Whether the other side may be sent reliable provisional responses, or wants nothing else. */
export function reliabilityOf(invite: SipRequest): 'required' | 'supported' | 'none' {
  const names = (header: string): boolean => invite.list(header).some((tag) => tag.toLowerCase() === '100rel');
  return names('Require') ? 'required' : names('Supported') ? 'supported' : 'none';
}

/** What one early dialog has said reliably so far. */
export class ReliableReceiver {
  #last: number | undefined;

  /**
   * The RAck of the PRACK that is due, `unreliable` when none is. `ignored`: it came before, and its PRACK repeats itself; or
   * one before it is missing, and it will come again after that (§4).
   */
  take(response: SipResponse): { rack: string } | 'unreliable' | 'ignored' {
    const rseq = response.header('RSeq');
    const reliable = response.list('Require').some((tag) => tag.toLowerCase() === '100rel');
    if (!reliable || rseq === undefined || !/^\d{1,10}$/.test(rseq)) return 'unreliable';
    const number = Number(rseq);
    if (this.#last !== undefined && number !== this.#last + 1) return 'ignored';
    this.#last = number;
    const { sequence, method } = response.cseq;
    return { rack: `${number} ${sequence} ${method}` };
  }
}
