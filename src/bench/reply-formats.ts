// Hot path: interprets reply lines of RESP (2 and 3) and of memcached's text protocol, only for the
// requests that this load generator sends. It does not handle fragmentation or bodies; the base
// class does.
// Invariant: each line either completes one reply or announces its body.

import { parseLength, ReplyReader } from "./replies.ts";
import { BenchError, type Workload } from "./workload.ts";

const PLUS = 0x2b; // +
const MINUS = 0x2d; // -
const DOLLAR = 0x24; // $
const UNDERSCORE = 0x5f; // _
const LETTER_C = 0x43; // C
const LETTER_E = 0x45; // E
const LETTER_N = 0x4e; // N
const LETTER_O = 0x4f; // O
const LETTER_S = 0x53; // S
const LETTER_T = 0x54; // T
const LETTER_V = 0x56; // V
const SPACE = 0x20;

export function replyReader(workload: Workload): ReplyReader {
  return workload.protocol === "resp" ? new RespReader(workload) : new MemcacheReader(workload);
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return new TextDecoder().decode(bytes.subarray(from, Math.min(to, from + 200)));
}

class RespReader extends ReplyReader {
  protected readonly bodyIsFollowed = false;

  protected onLine(bytes: Uint8Array, from: number, to: number): number {
    switch (bytes[from]) {
      case PLUS:
        if (bytes[from + 1] === LETTER_O && to - from === 3) return this.stored();
        return this.failed(text(bytes, from, to));
      case DOLLAR:
        return this.bulk(parseLength(bytes, from + 1, to));
      case UNDERSCORE:
        return this.missed();
      case MINUS:
        return this.failed(text(bytes, from + 1, to));
      default:
        throw new BenchError(`the server sent a line that is no reply: ${text(bytes, from, to)}`);
    }
  }

  private bulk(length: number): number {
    return length === -1 ? this.missed() : this.body(length);
  }
}

class MemcacheReader extends ReplyReader {
  protected readonly bodyIsFollowed = true;
  /** Whether a value has arrived before END. */
  private found = false;

  protected onLine(bytes: Uint8Array, from: number, to: number): number {
    const first = bytes[from];
    if (first === LETTER_V) return this.value(bytes, from, to);
    if (first === LETTER_E && bytes[from + 1] === LETTER_N && to - from === 3) return this.end();
    if (first === LETTER_S && bytes[from + 1] === LETTER_T) return this.stored();
    if (this.isError(first)) {
      return this.failed(text(bytes, from, to));
    }
    throw new BenchError(`the server sent a line that is no reply: ${text(bytes, from, to)}`);
  }

  /** Recognizes ERROR, CLIENT_ERROR, SERVER_ERROR and NOT_STORED by their first letter. */
  private isError(first: number): boolean {
    return [LETTER_C, LETTER_E, LETTER_N, LETTER_S].includes(first);
  }

  /** VALUE <key> <flags> <bytes>: the length is the last word. */
  private value(bytes: Uint8Array, from: number, to: number): number {
    let word = to;
    while (word > from && bytes[word - 1] !== SPACE) word--;
    this.found = true;
    return this.body(parseLength(bytes, word, to));
  }

  private end(): number {
    if (!this.found) return this.missed();
    this.found = false;
    return this.hit();
  }
}
