// What a user is told about a mistake in the configuration: the tests of this folder compare the
// sentence as it is. Anything but a ConfigError is a failure of the test.

import { ConfigError } from "../../../src/base/errors.ts";

/** The sentence that a mistake is answered with. */
export function sentence(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}
