// The options that say who may reach a node besides those who have its password, as rows of the
// table in options.ts. Names and defaults are Redis's where Redis has them.

import type { Option } from "./option.ts";
import { parseWord } from "./values.ts";

export interface AccessConfig {
  readonly protectedMode: boolean;
}

export const accessOptions: { readonly [Key in keyof AccessConfig]: Option<AccessConfig[Key]> } = {
  protectedMode: {
    name: "protected-mode",
    environment: "MSCACHE_PROTECTED_MODE",
    group: "Security",
    hint: "yes|no",
    default: "yes",
    doc: "Whether a node without a password refuses connections from other machines.",
    change: "applies",
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (isProtected) => (isProtected ? "yes" : "no"),
    redis: [{ name: "protected-mode" }],
  },
};
