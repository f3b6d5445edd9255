/**
 * How a suite looks at a promise that must reject: by its error, whatever its class.
 * Invariant: a promise that is fulfilled fails the test.
 */

/** The error with which the promise rejects; throws if it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was fulfilled");
}
