// The line that says how far a walk over keys is. The number of keys is an estimate of the server,
// so the line never says that all is done.

import { expect, test } from "bun:test";
import { progressText } from "../../../../src/cli/keys/scan-progress.ts";

test("a bar, a share, keys and their rate", () => {
  expect(progressText(250, 1000, 2)).toBe(
    "[======                  ]  25% 250 of about 1000 keys, 125 a second",
  );
});

test("it is never done before the walk ends, however many keys were added meanwhile", () => {
  expect(progressText(5000, 1000, 1)).toContain("]  99% 5000 of about 1000 keys");
  expect(progressText(0, 0, 0)).toContain("]   0% 0 of about 0 keys, 0 a second");
});
