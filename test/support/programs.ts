/**
 * What a node of ours is, and a data thread: built beforehand by scripts/run-tests.ts, which spares
 * each start half of its processor time, or the sources, as in a bare `bun test`.
 * Starts nothing.
 * Invariant: all that one run starts is built of the same sources.
 */
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** `mscache` from source; other commands, as the binary's, take its place in some tests. */
const sourceCommand = [process.execPath, join(import.meta.dir, "../../src/main.ts")];

export const nodeCommand = process.env.MSCACHE_TEST_NODE
  ? [process.env.MSCACHE_TEST_NODE]
  : sourceCommand;

/** The data threads of nodes in this process. */
export const workerEntry = builtProgram(new URL("../../src/worker.ts", import.meta.url));

/** The program that was built from this source, or the source. */
export function builtProgram(source: URL): URL {
  const directory = process.env.MSCACHE_TEST_PROGRAMS;
  if (directory === undefined) return source;
  return pathToFileURL(join(directory, `${basename(fileURLToPath(source), ".ts")}.js`));
}
