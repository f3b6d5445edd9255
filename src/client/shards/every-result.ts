// The end of what is done at several shards at the same time. What the results become is the
// caller's matter.

/** Waits for all, so that nothing is under way any more when one has failed. */
export async function everyResult<T>(replies: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(replies);
  return settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
