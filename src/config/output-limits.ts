// The value of client-output-buffer-limit: a bound for each class of clients, as `class hard soft
// seconds`, several of them in a row. Words, order and error texts are those of redis 7.0
// `config.c` (updateClientOutputBufferLimit).
// Invariant: a class that a text does not name keeps its bound.

import { ConfigError } from "../base/errors.ts";
import {
  messagesHardBytesDefault,
  messagesSoftBytesDefault,
  messagesSoftSecondsDefault,
  outputHardBytesMax,
} from "../base/limits.ts";
import { boundOfFollower, type OutputBound } from "../base/output-bound.ts";
import { formatSize, isSize, parseSize } from "./values.ts";

export interface OutputLimits {
  readonly normal: OutputBound;
  /** Clients with subscriptions. */
  readonly pubsub: OutputBound;
  /** Null: as --follower-buffer says, see followerBound(). */
  readonly follower: OutputBound | null;
}

const wordsPerClass = 4;

/** What a node has unless it is told otherwise. */
export const outputLimitsDefault: OutputLimits = {
  normal: { hardBytes: outputHardBytesMax, softBytes: 0, softSeconds: 0 },
  pubsub: {
    hardBytes: messagesHardBytesDefault,
    softBytes: messagesSoftBytesDefault,
    softSeconds: messagesSoftSecondsDefault,
  },
  follower: null,
};

/** The words of the classes, and whose bound each is. */
const classes: ReadonlyMap<string, keyof OutputLimits> = new Map([
  ["normal", "normal"],
  ["pubsub", "pubsub"],
  ["replica", "follower"],
  ["slave", "follower"],
]);

/** Changes the classes that the words name. */
function readOutputLimits(words: readonly string[], before: OutputLimits): OutputLimits {
  if (words.length % wordsPerClass !== 0) {
    throw new ConfigError("Wrong number of arguments in buffer limit configuration.");
  }
  let limits = before;
  for (let i = 0; i < words.length; i += wordsPerClass) {
    const [word, ...numbers] = words.slice(i, i + wordsPerClass);
    const name = classes.get(word.toLowerCase());
    if (name === undefined) {
      throw new ConfigError("Invalid client class specified in buffer limit configuration.");
    }
    limits = { ...limits, [name]: readBound(numbers) };
  }
  return limits;
}

function readBound([hard, soft, seconds]: readonly string[]): OutputBound {
  const softSeconds = /^\+?\d+$/.test(seconds) ? Number(seconds) : Number.NaN;
  if (!isSize(hard) || !isSize(soft) || !Number.isSafeInteger(softSeconds)) {
    throw new ConfigError(
      "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    );
  }
  return { hardBytes: parseSize(hard), softBytes: parseSize(soft), softSeconds };
}

/** As the option and the configuration file have it: blanks of any number. */
export function parseOutputLimits(text: string): OutputLimits {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return readOutputLimits(words, outputLimitsDefault);
}

/** As CONFIG SET has it: a blank is the end of a word, as in Redis. */
export function changeOutputLimits(text: string, before: OutputLimits): OutputLimits {
  return readOutputLimits(text === "" ? [] : text.split(" "), before);
}

/** Sizes as people write them; without the followers' class if that is null. */
export function formatOutputLimits({ normal, follower, pubsub }: OutputLimits): string {
  const named: [string, OutputBound | null][] = [
    ["normal", normal],
    ["replica", follower],
    ["pubsub", pubsub],
  ];
  const texts = named.flatMap(([name, bound]) => {
    if (bound === null) return [];
    const { hardBytes, softBytes, softSeconds } = bound;
    return `${name} ${formatSize(hardBytes)} ${formatSize(softBytes)} ${softSeconds}`;
  });
  return texts.join(" ");
}

/** All classes in bytes, as CONFIG GET shows them. */
export function showOutputLimits(limits: OutputLimits, followerBuffer: number): string {
  const shown = ({ hardBytes, softBytes, softSeconds }: OutputBound): string =>
    `${hardBytes} ${softBytes} ${softSeconds}`;
  const followers = limits.follower ?? boundOfFollower(followerBuffer);
  return `normal ${shown(limits.normal)} slave ${shown(followers)} pubsub ${shown(limits.pubsub)}`;
}

/**
 * What one follower may need beyond the journal. Without a hard bound it has that of
 * --follower-buffer, as the memory for it is planned.
 */
export function followerBound(limits: OutputLimits, followerBuffer: number): OutputBound {
  const bound = limits.follower ?? boundOfFollower(followerBuffer);
  return bound.hardBytes === 0 ? { ...bound, hardBytes: followerBuffer } : bound;
}
