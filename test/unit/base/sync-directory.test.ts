// Making a renaming durable: what fails says that the file is in its place, and a system that
// cannot be asked has not failed. Both forms, with a waiting thread and without.

import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import {
  type DirectoryDisk,
  NotDurableError,
  syncDirectory,
  syncDirectorySync,
} from "../../../src/base/sync-directory.ts";
import { temporaryDirectory } from "../../harness.ts";

const failure = (code: string) => Object.assign(new Error(`${code}: the disk, fsync`), { code });
const fails = (code: string) => () => {
  throw failure(code);
};

/** Counts what is open, to see that nothing is left. */
function counting(calls: Partial<DirectoryDisk>) {
  const open = new Set<number>();
  const openSync = (path: string) => {
    const file = fs.openSync(path, "r");
    open.add(file);
    return file;
  };
  const closeSync = (file: number) => {
    fs.closeSync(file);
    open.delete(file);
  };
  return { open, disk: { ...fs, openSync, closeSync, ...calls } as DirectoryDisk };
}

describe("a directory", () => {
  test("is flushed, and its descriptor closed", async () => {
    await using directory = await temporaryDirectory();
    const flushed: number[] = [];
    const { disk, open } = counting({ fsyncSync: (file) => void flushed.push(file) });
    syncDirectorySync(directory.path, disk);
    await syncDirectory(directory.path, async (file) => void flushed.push(file));
    syncDirectorySync(directory.path);
    await syncDirectory(directory.path);
    expect(flushed).toHaveLength(2);
    expect(open.size).toBe(0);
  });

  test.each(["EIO", "ENOSPC", "EDQUOT"])("that fails with %s may lose the name", async (code) => {
    await using directory = await temporaryDirectory();
    const { disk, open } = counting({ fsyncSync: fails(code) });
    const sentence = "the new file is in its place, but a power failure may undo that: the disk";
    expect(() => syncDirectorySync(directory.path, disk)).toThrow(sentence);
    const soon = syncDirectory(directory.path, async () => fails(code)());
    await expect(soon).rejects.toBeInstanceOf(NotDurableError);
    expect(open.size).toBe(0);
  });

  test.each(["EINVAL", "ENOTSUP", "ENOSYS"])("whose system says %s is left", async (code) => {
    await using directory = await temporaryDirectory();
    syncDirectorySync(directory.path, { ...fs, fsyncSync: fails(code) });
    await syncDirectory(directory.path, async () => fails(code)());
  });

  test("that cannot be read is left; one that is gone, or has no descriptor, is not", async () => {
    syncDirectorySync("/anywhere", { ...fs, openSync: fails("EACCES") });
    for (const code of ["ENOENT", "EMFILE"]) {
      const disk: DirectoryDisk = { ...fs, openSync: fails(code) };
      expect(() => syncDirectorySync("/anywhere", disk)).toThrow(NotDurableError);
    }
    await expect(syncDirectory("/no/such/directory")).rejects.toBeInstanceOf(NotDurableError);
  });
});
