// `mscache set KEY VALUE`: stores the value, with a TTL of --ttl seconds if given. If the value is
// `-`, it is read from standard input byte for byte, which is also the way to store binary data.

import { defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { parseWholeNumber } from "../config/values.ts";
import { nodeArguments, print, withClient } from "./node-client.ts";

const ttlSecondsMax = 2 ** 31 - 1;

export default defineCommand({
  meta: { name: "set", description: "Store a value under a key" },
  args: {
    key: { type: "positional", description: "The key", required: true },
    value: {
      type: "positional",
      description: "The value; - reads it from standard input",
      required: true,
    },
    ttl: {
      type: "string",
      description: "Time to live; without it, the key does not expire",
      valueHint: "seconds",
    },
    ...nodeArguments,
  },
  async run({ args }) {
    const options = args.ttl === undefined ? {} : { ttl: parseTtl(args.ttl) * 1_000 };
    const value = args.value === "-" ? await Bun.stdin.bytes() : args.value;
    await withClient(args, (client) => client.set(args.key, value, options));
    await print("OK\n");
  },
});

function parseTtl(text: string): number {
  try {
    return parseWholeNumber(text, 1, ttlSecondsMax);
  } catch (error) {
    throw new ConfigError(`--ttl: ${error instanceof Error ? error.message : error}`);
  }
}
