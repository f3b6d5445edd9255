// `mscache top` in which something throws where nobody catches it, after it has drawn a frame. Run
// by top.test.ts in a terminal; it ends with status 3 if the view has passed the error on.

import { LiveView } from "../../src/cli/top/live-view.ts";
import { WatchGroup } from "../../src/cli/top/watch-group.ts";

const kind = process.argv[2];

setTimeout(() => {
  const fault = new Error("a fault of the test");
  if (kind === "rejection") void Promise.reject(fault);
  else throw fault;
}, 300);

await using group = new WatchGroup([], false);
try {
  await new LiveView(group, 100).run(new AbortController().signal);
} catch (error) {
  console.error(`PASSED ON ${error}`);
  process.exit(3);
}
