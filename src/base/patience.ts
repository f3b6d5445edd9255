// Bounded waiting: the other thread or the peer may never answer. It cancels nothing: the work may
// still finish later.

/** True if `work` finished within `ms` milliseconds. Rejects if `work` does. */
export async function doneWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
