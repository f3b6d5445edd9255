// The servers that the client is tested with: ours with one data thread and with two, and
// Debian's redis-server where it is installed. Each serves all cases of its block, so a case has
// keys of its own.

import { describe } from "bun:test";
import type { TestNode } from "../harness.ts";
import { type Contestant, forAllCases, oracle, ours, oursWithThreads } from "./servers.ts";

const servers: readonly Contestant[] = [
  { ...ours, start: (args = []) => ours.start(["--threads", "1", ...args]) },
  oursWithThreads(2),
  oracle,
];

/** Defines the cases once for each server. */
export function eachServer(
  what: string,
  define: (node: () => TestNode, server: { readonly isRedis: boolean }) => void,
): void {
  for (const server of servers) {
    describe.skipIf(server.isMissing)(`${what} with ${server.name}`, () => {
      define(
        forAllCases(() => server.start()),
        { isRedis: server === oracle },
      );
    });
  }
}
