// Reads the options after the fixed arguments of SET, GETEX and MSETEX, as bits and positions.
// expiry-time.ts interprets the time, value-condition.ts the condition. Combinations are accepted
// and refused exactly as in redis 7.0 and 8.4 (parseExtendedStringArgumentsOrReply): an option may
// be repeated (the last one counts), but not combined with one that contradicts it.
// Hot path: bytes are compared in place, and the result is one reused object.

import type { Request } from "../../protocol/request.ts";
import { isWord } from "../core/words.ts";

export const option = {
  NX: 1 << 0,
  XX: 1 << 1,
  GET: 1 << 2,
  KEEPTTL: 1 << 3,
  PERSIST: 1 << 4,
  EX: 1 << 5,
  PX: 1 << 6,
  EXAT: 1 << 7,
  PXAT: 1 << 8,
  IFEQ: 1 << 9,
  IFNE: 1 << 10,
  IFDEQ: 1 << 11,
  IFDNE: 1 << 12,
} as const;

const timeOptions = option.EX | option.PX | option.EXAT | option.PXAT;
const lifetimeOptions = timeOptions | option.KEEPTTL | option.PERSIST;
/** Conditions on the value, which take an argument. */
export const valueConditions = option.IFEQ | option.IFNE | option.IFDEQ | option.IFDNE;
const conditions = option.NX | option.XX | valueConditions;
const ofMsetex = option.NX | option.XX | option.KEEPTTL | timeOptions;
const ofSet = ofMsetex | option.GET | valueConditions;
const ofGetex = option.PERSIST | timeOptions;

/** The options that the last call of a function below found. */
export class StringOptions {
  /** Bits of `option`. */
  flags: number;
  /** Position of the time argument; 0 if there is none. */
  timeIndex: number;
  /** Position of what the value is compared with; 0 if it is not. */
  matchIndex: number;
  /** Milliseconds per unit of the time. */
  unitMs: number;
  /** Whether the time counts from now instead of from the epoch. */
  relative: boolean;

  constructor() {
    this.flags = 0;
    this.timeIndex = 0;
    this.matchIndex = 0;
    this.unitMs = 1;
    this.relative = false;
  }

  has(flags: number): boolean {
    return (this.flags & flags) !== 0;
  }
}

const options = new StringOptions();

/** The options of SET from argument 3 on, or null for a syntax error. Valid until the next call. */
export function readSetOptions(request: Request): StringOptions | null {
  return readOptions(request, 3, ofSet);
}

/** The options of MSETEX from argument `first` on, in the same way. */
export function readMsetexOptions(request: Request, first: number): StringOptions | null {
  return readOptions(request, first, ofMsetex);
}

/**
 * The options of GETEX from argument 2 on, or null for a syntax error. Valid until the next call.
 */
export function readGetexOptions(request: Request): StringOptions | null {
  return readOptions(request, 2, ofGetex);
}

function readOptions(request: Request, first: number, allowed: number): StringOptions | null {
  options.flags = 0;
  options.timeIndex = 0;
  options.matchIndex = 0;
  for (let i = first; i < request.argc; i++) {
    const found = optionAt(request, i) & allowed;
    if (found === 0 || options.has(contradicting(found))) return null;
    options.flags |= found;
    if ((found & (timeOptions | valueConditions)) === 0) continue;
    if (++i === request.argc) return null;
    if ((found & timeOptions) !== 0) options.timeIndex = i;
    else options.matchIndex = i;
  }
  if (options.timeIndex !== 0) describeTime();
  return options;
}

function optionAt(request: Request, index: number): number {
  const { buf } = request;
  const start = request.start[index];
  const end = request.end[index];
  if (isWord(buf, start, end, "EX")) return option.EX;
  if (isWord(buf, start, end, "PX")) return option.PX;
  if (isWord(buf, start, end, "NX")) return option.NX;
  if (isWord(buf, start, end, "XX")) return option.XX;
  if (isWord(buf, start, end, "GET")) return option.GET;
  if (isWord(buf, start, end, "KEEPTTL")) return option.KEEPTTL;
  if (isWord(buf, start, end, "PERSIST")) return option.PERSIST;
  if (isWord(buf, start, end, "EXAT")) return option.EXAT;
  if (isWord(buf, start, end, "PXAT")) return option.PXAT;
  return valueConditionAt(request, index);
}

/** The condition on a value that argument `index` names, or 0. */
export function valueConditionAt(request: Request, index: number): number {
  const { buf } = request;
  const start = request.start[index];
  const end = request.end[index];
  if (isWord(buf, start, end, "IFEQ")) return option.IFEQ;
  if (isWord(buf, start, end, "IFNE")) return option.IFNE;
  if (isWord(buf, start, end, "IFDEQ")) return option.IFDEQ;
  if (isWord(buf, start, end, "IFDNE")) return option.IFDNE;
  return 0;
}

function contradicting(found: number): number {
  if ((found & conditions) !== 0) return conditions & ~found;
  return (found & lifetimeOptions) !== 0 ? lifetimeOptions & ~found : 0;
}

function describeTime(): void {
  options.unitMs = options.has(option.EX | option.EXAT) ? 1000 : 1;
  options.relative = options.has(option.EX | option.PX);
}
