// Waiting for somebody else with a bound: the other thread or the other side may be gone for good. It
// cancels nothing: what was waited for may still happen later.

/** True when `work` was done in time. */
export async function doneWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
