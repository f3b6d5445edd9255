/**
 * Replacing a configuration file: what it keeps, and that a disk that fails anywhere leaves the
 * file as it was and no draft with a password beside it. Failures are those of a real disk: EBUSY
 * is what a file gives that is mounted by itself, as containers do.
 */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { type Disk, readConfigFile, replaceFile } from "../../../src/config/replace-file.ts";
import { temporaryDirectory } from "../../harness.ts";

const realDisk: Disk = fs;
const before = "password old\n# a comment\n";
const after = Buffer.from("password something-longer\n# a comment\nmax-clients 5\n");
const shorter = Buffer.from("password x\n");
const modeOf = (path: string) => fs.statSync(path).mode & 0o7777;

async function bench(text: string | null = before) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, "node.conf");
  if (text !== null) fs.writeFileSync(path, text, { mode: 0o640 });
  return {
    path,
    directory: directory.path,
    names: () => fs.readdirSync(directory.path).sort(),
    text: () => fs.readFileSync(path, "utf8"),
    [Symbol.asyncDispose]: directory[Symbol.asyncDispose],
  };
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: as the disk says`), { code });
}

/** A disk on which that call fails from the `count`th time on. */
function failing(call: keyof Disk, code: string, count = 1): Disk {
  let calls = 0;
  const real = realDisk[call] as (...args: unknown[]) => unknown;
  const broken = (...args: unknown[]) => {
    if (++calls >= count) throw failure(code);
    return real(...args);
  };
  return { ...fs, [call]: broken } as Disk;
}

describe("a file that is replaced", () => {
  test("has the new bytes, its old mode and no draft beside it", async () => {
    await using file = await bench();
    fs.chmodSync(file.path, 0o640);
    replaceFile(file.path, (bytes) => {
      expect(Buffer.from(bytes).toString()).toBe(before);
      return after;
    });
    expect(file.text()).toBe(after.toString());
    expect(modeOf(file.path)).toBe(0o640);
    expect(file.names()).toEqual(["node.conf"]);
  });

  test.each([
    ["by a draft", realDisk],
    ["in place", failing("renameSync", "EBUSY")],
  ])("%s with passwords is closed to others than its owner and group", async (_, disk) => {
    await using file = await bench();
    fs.chmodSync(file.path, 0o644);
    replaceFile(file.path, () => shorter, { disk });
    expect(modeOf(file.path)).toBe(0o644);
    replaceFile(file.path, () => after, { disk, isSecret: () => true });
    expect(file.text()).toBe(after.toString());
    expect(modeOf(file.path)).toBe(0o640);
  });

  test("that is a link stays one, and its target is replaced", async () => {
    await using file = await bench();
    const link = join(file.directory, "link.conf");
    fs.symlinkSync("node.conf", link);
    replaceFile(link, () => after);
    expect(fs.readlinkSync(link)).toBe("node.conf");
    expect(file.text()).toBe(after.toString());
  });

  test("is not written at all if nothing changes", async () => {
    await using file = await bench();
    const inode = fs.statSync(file.path).ino;
    replaceFile(file.path, (bytes) => bytes, { disk: failing("writeSync", "EIO") });
    expect(fs.statSync(file.path).ino).toBe(inode);
  });

  test("is created if there was none, readable only by its owner", async () => {
    await using file = await bench(null);
    replaceFile(file.path, () => after);
    expect(file.text()).toBe(after.toString());
    expect(modeOf(file.path)).toBe(0o600);
  });

  test("gets a draft that only its owner can read, with an unpredictable name", async () => {
    await using file = await bench();
    const seen: { name: string; mode: number; flags: number }[] = [];
    const openSync = (name: string, flags: number, mode: number) => {
      const handle = fs.openSync(name, flags, mode);
      if (mode !== undefined) seen.push({ name, flags, mode: fs.fstatSync(handle).mode & 0o777 });
      return handle;
    };
    for (const bytes of [after, shorter]) {
      replaceFile(file.path, () => bytes, { disk: { ...fs, openSync } as Disk });
    }
    expect(seen).toHaveLength(2);
    expect(seen[0]?.name).not.toBe(seen[1]?.name);
    const exclusive = fs.constants.O_EXCL | fs.constants.O_NOFOLLOW;
    for (const { mode, flags } of seen)
      expect([mode, flags & exclusive]).toEqual([0o600, exclusive]);
  });
});

describe("where a draft cannot be created", () => {
  test.each([
    ["a file that is mounted by itself", failing("renameSync", "EBUSY")],
    ["a directory that may not be written to", failing("openSync", "EACCES", 1)],
    ["an owner that cannot be given", failing("fchmodSync", "EPERM")],
  ])("%s is written in place, and stays the same file", async (_, disk) => {
    for (const bytes of [after, shorter]) {
      await using file = await bench();
      const inode = fs.statSync(file.path).ino;
      let opened = 0;
      // Only the draft is refused, not the file.
      const openSync = (path: string, ...rest: [number, number]) => {
        return opened++ === 0 ? disk.openSync(path, ...rest) : fs.openSync(path, ...rest);
      };
      replaceFile(file.path, () => bytes, { disk: { ...disk, openSync } as Disk });
      expect(file.text()).toBe(bytes.toString());
      expect(fs.statSync(file.path).ino).toBe(inode);
      expect(file.names()).toEqual(["node.conf"]);
    }
  });

  test("a disk without room for a longer text leaves the file unchanged", async () => {
    await using file = await bench();
    // The draft is written whole; what is written in place is not.
    const disk = {
      ...failing("writeSync", "ENOSPC", 2),
      renameSync: failing("renameSync", "EBUSY").renameSync,
    };
    expect(() => replaceFile(file.path, () => after, { disk })).toThrow("ENOSPC");
    expect(file.text()).toBe(before);
    expect(file.names()).toEqual(["node.conf"]);
  });
});

describe("a disk that fails", () => {
  test.each([
    ["writeSync", "ENOSPC"],
    ["fsyncSync", "EIO"],
    ["fsyncSync", "ENOSPC"],
    ["renameSync", "EIO"],
    ["openSync", "ENOSPC"],
    ["fchmodSync", "EIO"],
  ] as const)("in %s with %s leaves the file and no draft", async (call, code) => {
    await using file = await bench();
    expect(() => replaceFile(file.path, () => after, { disk: failing(call, code) })).toThrow(code);
    expect(file.text()).toBe(before);
    expect(file.names()).toEqual(["node.conf"]);
  });
});

test("a directory that cannot be flushed leaves the new file, and an error that says so", async () => {
  await using file = await bench();
  const disk = failing("fsyncSync", "EIO", 2); // the first is the draft's
  expect(() => replaceFile(file.path, () => after, { disk })).toThrow(
    "the new file is in its place, but a power failure may undo that",
  );
  expect(file.text()).toBe(after.toString());
  expect(file.names()).toEqual(["node.conf"]);
});

describe("a path that is not a regular file", () => {
  test("is a readable error, and is not replaced", async () => {
    await using file = await bench(null);
    const pipe = join(file.directory, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    const paths = [
      [file.directory, "a directory"],
      [pipe, "a pipe"],
      ["/dev/null", "a device"],
    ] as const;
    for (const [path, kind] of paths) {
      const sentence = `${path} is ${kind} and not a regular file`;
      expect(() => replaceFile(path, () => after)).toThrow(sentence);
    }
    expect(file.names()).toEqual(["pipe"]);
    expect(() => readConfigFile(file.directory)).toThrow("it is a directory");
    expect(readConfigFile("/dev/null")).toBe("");
  });
});
