// What the rows of EVAL and FCALL have in common: a script or a function, the number of its keys,
// the keys, and further arguments. Nothing runs here.

import { errorReply } from "../../base/errors.ts";
import { flag } from "../terms/flags.ts";
import { firstKey } from "./scripts.ts";

export const scriptFlags = flag.NO_SCRIPT | flag.STALE | flag.OTHER_DATABASE | flag.SCRIPT;

export const scriptRow = {
  group: "scripting",
  arity: -3,
  keys: [firstKey, -1, 1],
  keyCount: 2,
} as const;

export const negativeKeys = errorReply("Number of keys can't be negative");
export const tooManyKeys = errorReply("Number of keys can't be greater than number of args");
