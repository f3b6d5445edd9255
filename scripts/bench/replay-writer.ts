// Encodes the requests of a replay, GET and SET of a trace's ids in RESP or memcached's text
// protocol, into one buffer that is written whole. It creates no string per request, and one view
// per SET, since it encodes a million of them for every server. It sends nothing.
// Invariant: `size` bytes hold exactly the requests added since the last clear().

import { fillerByte } from "../../src/bench/requests.ts";
import type { Protocol } from "../../src/bench/workload.ts";
import { traceKeyPrefix, traceValueBytesMax } from "./trace.ts";

const ZERO = 0x30; // 0
const filler = Uint8Array.from({ length: traceValueBytesMax }, (_, i) => fillerByte(i));
/** Bytes of a request besides its value: words, lengths and a key of at most fourteen bytes. */
const frameBytesMax = 64;

/** The bytes around key and length. In a SET: `set`, key, `neck`, length, `head`, value, CRLF. */
interface Phrases {
  readonly get: Uint8Array;
  readonly set: Uint8Array;
  readonly neck: Uint8Array;
  readonly head: Uint8Array;
}

const ascii = (text: string) => new TextEncoder().encode(text);
const crlf = ascii("\r\n");
const prefix = ascii(traceKeyPrefix);

const phrases: Readonly<Record<Protocol, Phrases>> = {
  resp: {
    get: ascii("*2\r\n$3\r\nGET\r\n$"),
    set: ascii("*3\r\n$3\r\nSET\r\n$"),
    neck: ascii("\r\n$"),
    head: crlf,
  },
  memcache: { get: ascii("get "), set: ascii("set "), neck: ascii(" 0 0 "), head: crlf },
};

export class ReplayWriter {
  readonly bytes: Uint8Array;
  size = 0;
  private readonly phrases: Phrases;
  /** RESP announces the length of a key; memcached finds its end by the space. */
  private readonly announcesKeys: boolean;

  constructor(protocol: Protocol, getsMax: number, setsMax: number) {
    const setBytesMax = frameBytesMax + traceValueBytesMax;
    this.bytes = new Uint8Array(getsMax * frameBytesMax + setsMax * setBytesMax);
    this.phrases = phrases[protocol];
    this.announcesKeys = protocol === "resp";
  }

  clear(): void {
    this.size = 0;
  }

  get(id: number): void {
    this.append(this.phrases.get);
    this.key(id);
    this.append(crlf);
  }

  set(id: number, valueLength: number): void {
    this.append(this.phrases.set);
    this.key(id);
    this.append(this.phrases.neck);
    this.decimal(valueLength);
    this.append(this.phrases.head);
    this.bytes.set(filler.subarray(0, valueLength), this.size);
    this.size += valueLength;
    this.append(crlf);
  }

  private key(id: number): void {
    if (this.announcesKeys) {
      this.decimal(prefix.length + digitsOf(id));
      this.append(crlf);
    }
    this.append(prefix);
    this.decimal(id);
  }

  private decimal(value: number): void {
    const end = this.size + digitsOf(value);
    let left = value;
    for (let at = end - 1; at >= this.size; at--) {
      this.bytes[at] = ZERO + (left % 10);
      left = Math.floor(left / 10);
    }
    this.size = end;
  }

  /** Phrases are short: a loop is faster than the fixed cost of set(). */
  private append(phrase: Uint8Array): void {
    for (let i = 0; i < phrase.length; i++) this.bytes[this.size + i] = phrase[i];
    this.size += phrase.length;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
