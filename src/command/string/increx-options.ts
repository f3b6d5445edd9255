// Reads the options of INCREX (Redis 8.8). Unlike those of SET, an option may be given only once.
// Whether increment and bounds are integers or decimals follows from BYFLOAT, which may come behind
// them, so this file only finds them; increx.ts reads the numbers.

import { type ErrorReply, errorReply, syntaxError } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import { argumentIs } from "../core/words.ts";

/** Positions of arguments, 0 for an option that is not given. */
export interface IncrexOptions {
  by: number;
  isDecimal: boolean;
  lower: number;
  upper: number;
  saturates: boolean;
  time: number;
  /** Milliseconds per unit of the time, and whether it counts from now. */
  unitMs: number;
  isRelative: boolean;
  persists: boolean;
  /** ENX: the expiry is only for a key that has none. */
  isForNew: boolean;
}

const enxAlone = errorReply("ENX flag requires an expiration");

export function readIncrexOptions(request: Request): IncrexOptions | ErrorReply {
  const options: IncrexOptions = {
    by: 0,
    isDecimal: false,
    lower: 0,
    upper: 0,
    saturates: false,
    time: 0,
    unitMs: 1,
    isRelative: false,
    persists: false,
    isForNew: false,
  };
  for (let i = 2; i < request.argc; ) {
    const taken = takeWord(request, i, options) || takeNumber(request, i, options);
    if (taken === 0) return syntaxError;
    i += taken;
  }
  if (options.persists && options.isForNew) return syntaxError;
  return options.isForNew && options.time === 0 ? enxAlone : options;
}

/** An option that is one word. Returns the number of arguments taken, 0 for none. */
function takeWord(request: Request, index: number, options: IncrexOptions): number {
  if (argumentIs(request, index, "SATURATE") && !options.saturates) {
    options.saturates = true;
  } else if (argumentIs(request, index, "ENX") && !options.isForNew) {
    options.isForNew = true;
  } else if (argumentIs(request, index, "PERSIST") && !options.persists && options.time === 0) {
    options.persists = true;
  } else {
    return 0;
  }
  return 1;
}

/** An option with an argument, in the same way. */
function takeNumber(request: Request, index: number, options: IncrexOptions): number {
  const next = index + 1;
  if (next === request.argc) return 0;
  const isDecimal = argumentIs(request, index, "BYFLOAT");
  if ((isDecimal || argumentIs(request, index, "BYINT")) && options.by === 0) {
    options.by = next;
    options.isDecimal = isDecimal;
  } else if (argumentIs(request, index, "LBOUND") && options.lower === 0) {
    options.lower = next;
  } else if (argumentIs(request, index, "UBOUND") && options.upper === 0) {
    options.upper = next;
  } else {
    return takeTime(request, index, options);
  }
  return 2;
}

function takeTime(request: Request, index: number, options: IncrexOptions): number {
  if (options.time !== 0 || options.persists) return 0;
  const inSeconds = argumentIs(request, index, "EX");
  const atSeconds = argumentIs(request, index, "EXAT");
  const inMs = argumentIs(request, index, "PX");
  if (!inSeconds && !atSeconds && !inMs && !argumentIs(request, index, "PXAT")) return 0;
  options.time = index + 1;
  options.unitMs = inSeconds || atSeconds ? 1000 : 1;
  options.isRelative = inSeconds || inMs;
  return 2;
}
