// `mscache doctor`: looks at a node, its followers and, where it runs, its machine, and says what
// is wrong, why that matters and what to change. It changes nothing. The checks are in doctor/.
// Invariant: the exit status is 1 if there is a failure, and 0 for advice and warnings.

import { type ArgsDef, defineCommand } from "citty";
import { ConfigError } from "../base/errors.ts";
import { parseWholeNumber } from "../config/values.ts";
import { paletteOf } from "./colors.ts";
import { countOf, diagnose } from "./doctor/diagnosis.ts";
import { reportJson, reportText } from "./doctor/diagnosis-report.ts";
import { gatherFacts } from "./doctor/node-facts.ts";
import { Failure } from "./failure.ts";
import { nodeArguments, print, userErrorOf } from "./node-client.ts";
import { settingsAt, settingsOf } from "./node-session.ts";

const args = {
  pid: {
    type: "string",
    description: "Process id of the node on this machine, if the doctor does not find it",
    valueHint: "number",
  },
  sentinel: {
    type: "string",
    description: "A Sentinel that watches the node, whose settings are judged as well",
    valueHint: "address",
  },
  seconds: {
    type: "string",
    description: "Time over which rates are measured, from 1 to 60",
    valueHint: "number",
    default: "2",
  },
  json: { type: "boolean", description: "Print the findings as JSON", default: false },
  ...nodeArguments,
} satisfies ArgsDef;

const pidMax = 2 ** 22;

export default defineCommand({
  meta: { name: "doctor", description: "Say what is wrong with a node, and what to change" },
  args,
  async run({ args }) {
    const settings = settingsOf(args);
    const sentinel = args.sentinel === undefined ? null : settingsAt(args.sentinel);
    const pid = args.pid === undefined ? null : whole("pid", args.pid, pidMax);
    const seconds = whole("seconds", args.seconds, 60);
    const facts = await gatherFacts({ settings, sentinel, pid, seconds }).catch((error) => {
      throw userErrorOf(error);
    });
    const diagnosis = diagnose(facts);
    const text = args.json
      ? reportJson(facts, diagnosis)
      : reportText(facts, diagnosis, paletteOf(process.stdout));
    await print(text);
    const failures = countOf(diagnosis, "failure");
    if (failures > 0) throw new Failure(`${failures} ${failures === 1 ? "failure" : "failures"}`);
  },
});

function whole(name: string, text: string, most: number): number {
  try {
    return parseWholeNumber(text, 1, most);
  } catch (error) {
    throw new ConfigError(`--${name}: ${error instanceof Error ? error.message : error}`);
  }
}
