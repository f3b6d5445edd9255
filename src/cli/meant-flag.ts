// Which flag of a subcommand somebody meant by one that it does not have: what redis-cli and the
// protocol call the same thing, what Redis calls an option of a node, or a slip of the keyboard.
// It decides nothing else: argument-check.ts refuses the flag in any case.

import { nearestOf } from "../base/nearest-word.ts";
import { optionMeantBy } from "../config/config.ts";

/** Words of others, each for the first of ours that the subcommand has. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  a: ["password"],
  addr: ["to"],
  address: ["addr", "to"],
  auth: ["password"],
  cacert: ["tls-ca"],
  cert: ["tls-cert"],
  ex: ["ttl"],
  expire: ["ttl"],
  force: ["replace"],
  host: ["addr"],
  insecure: ["tls-insecure"],
  leader: ["addr"],
  match: ["pattern"],
  overwrite: ["replace"],
  p: ["addr"],
  pass: ["password"],
  port: ["addr"],
  px: ["ttl"],
  server: ["addr"],
  sni: ["tls-sni"],
  u: ["addr"],
  uri: ["addr"],
  url: ["addr"],
  username: ["user"],
};

/** With its dashes, as it is written; null: nobody knows. */
export function meantFlag(command: string, flag: string, known: readonly string[]): string | null {
  const name = flag.replace(/^-+/, "");
  const own = Object.hasOwn(synonyms, name) ? synonyms[name] : undefined;
  const meant =
    command === "serve"
      ? optionMeantBy(name)
      : (own?.find((one) => known.includes(one)) ?? nearestOf(name, known));
  return meant === null ? null : `--${meant}`;
}
