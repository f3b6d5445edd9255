// Every generated part of a document: the document, the name of its marks, and what makes the text.
// generate-docs.ts writes them, test/documents.test.ts fails if one is stale.

import { metricTable } from "../src/node/admin/metrics.ts";
import { commandTable } from "./command-table.ts";
import { errorTables } from "./error-table.ts";
import { optionTables } from "./option-table.ts";

export interface GeneratedPart {
  readonly document: string;
  readonly part: string;
  readonly make: () => string;
}

export const generatedParts: readonly GeneratedPart[] = [
  { document: "src/config/README.md", part: "options", make: optionTables },
  { document: "src/command/COMMANDS.md", part: "commands", make: commandTable },
  { document: "src/node/admin/README.md", part: "metrics", make: metricTable },
  { document: "src/client/ERRORS.md", part: "errors", make: errorTables },
];
