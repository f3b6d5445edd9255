// The tables of options in src/config/README.md, one for each group, from the rows of
// src/config/options.ts. generate-docs.ts writes them, test/documents.test.ts compares.

import { type OptionGroup, options } from "../src/config/config.ts";
import { table } from "./markdown.ts";

/** What a group is about, in the order in which a reader needs them. */
const titles: Readonly<Record<OptionGroup, string>> = {
  Network: "Network",
  Memory: "Memory",
  Snapshots: "Snapshots",
  Replication: "Replication",
  Security: "Security",
  TLS: "TLS",
  Admin: "Admin HTTP",
  Operation: "Operation",
};

const head = ["Flag", "Environment", "Default", "Changes", "Meaning"];

export function optionTables(): string {
  const groups = Object.entries(titles).map(([group, title]) => {
    const rows = Object.values(options).filter((option) => option.group === group);
    return `### ${title}\n\n${table([head, ...rows.map(cellsOf)])}`;
  });
  return groups.join("\n\n");
}

type Row = (typeof options)[keyof typeof options];

function cellsOf(option: Row): string[] {
  return [
    `\`--${option.name} ${option.hint}\``,
    `\`${option.environment}\``,
    showDefault(option),
    option.change === "applies" ? "at once" : "at restart",
    option.doc,
  ];
}

/** The default as code, as a phrase where it is computed, or empty. */
function showDefault({ default: text, derive }: Row): string {
  if (derive || text === "") return text;
  return `\`${text}\``;
}
