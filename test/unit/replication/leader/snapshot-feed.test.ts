/**
 * The end of a streamed snapshot, which waits for the end of a long script: others would read half
 * of what that does.
 */
import { expect, test } from "bun:test";
import { StreamedFeed } from "../../../../src/replication/leader/snapshot-feed.ts";
import type { Snapshot } from "../../../../src/replication/snapshot.ts";

test("a snapshot does not end in the middle of a group of effects", async () => {
  const slices = [new Uint8Array([1]), new Uint8Array([2])];
  const snapshot = { next: () => slices.shift() ?? null } as unknown as Snapshot;
  const group = Promise.withResolvers<void>();
  const feed = new StreamedFeed(snapshot, () => group.promise);
  const head = Buffer.from((await feed.next()) ?? []).toString();
  expect(await feed.next()).toEqual(new Uint8Array([1]));
  expect(await feed.next()).toEqual(new Uint8Array([2]));
  let mark: Uint8Array | null | undefined;
  const last = Promise.resolve(feed.next()).then((bytes) => {
    mark = bytes;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(mark).toBeUndefined();
  group.resolve();
  await last;
  expect(head).toBe(`$EOF:${Buffer.from(mark ?? []).toString()}\r\n`);
  expect(await feed.next()).toBeNull();
});
