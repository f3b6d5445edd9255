// A release as scripts/release/pack.ts makes it, for this machine: its files, their checksums, and
// the executable out of its archive. The other targets need downloads of Bun's executables for
// them, so they are made by `bun run build:all`, not here.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { archiveStem, releaseTarget } from "../../scripts/release/targets.ts";
import { respClient, runMscache, spawnNode, temporaryDirectory } from "../harness.ts";
import { whenLong } from "../support/repetitions.ts";

const packScript = join(import.meta.dir, "../../scripts/release/pack.ts");
const target = releaseTarget(`${process.platform}-${process.arch}`);
const { version } = manifest;
const stem = archiveStem(target ?? "", version);
const archive = `${stem}.tar.gz`;
const packMsMax = 600_000;

whenLong(() => {
  describe.skipIf(target === null || process.platform === "win32")("a packed release", () => {
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let files: string;

    beforeAll(async () => {
      directory = await temporaryDirectory();
      files = await pack(join(directory.path, "first"));
    }, packMsMax);

    afterAll(() => directory[Symbol.asyncDispose]());

    test("has an archive, an installer, a bill of materials, and the sums of all", async () => {
      const others = [archive, `mscache-${version}.cdx.json`, "install.sh"];
      expect((await readdir(files)).sort()).toEqual(["SHA256SUMS", ...others].sort());
      const sums = await Bun.file(join(files, "SHA256SUMS")).text();
      expect(sums).toBe(await sumsOf(files, others));
    });

    test(
      "is the same again, byte for byte, from the same sources",
      async () => {
        const again = await pack(join(directory.path, "second"));
        const names = (await readdir(files)).filter((name) => name !== "SHA256SUMS");
        expect(await sumsOf(again, names)).toBe(await sumsOf(files, names));
      },
      packMsMax,
    );

    test("names what is in it, with versions, licences and checksums", async () => {
      const bill = await Bun.file(join(files, `mscache-${version}.cdx.json`)).json();
      expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
      const names = bill.components.map(({ name }: { name: string }) => name);
      expect(names.sort()).toEqual(["bun", "citty", "consola", "lua", "uplot", "wasmoon-lua5.1"]);
      for (const { name, version, licenses, hashes } of bill.components) {
        expect({ name, version, license: licenses[0].license.id }).toEqual({
          ...{ name, license: "MIT" },
          version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        });
        if (hashes !== undefined) expect(hashes[0].content).toMatch(/^[0-9a-f]{128}$/);
      }
    });

    test("is installed by its own installer, as scripts/release/README.md says", async () => {
      await using place = await temporaryDirectory();
      const child = Bun.spawn(["sh", join(files, "install.sh")], {
        env: { ...process.env, MSCACHE_RELEASE_URL: `file://${files}`, MSCACHE_BIN: place.path },
        stdout: "pipe",
        stderr: "pipe",
      });
      const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
      expect(said[0]).toStartWith(`mscache ${version} is in ${place.path}/mscache\n`);
      expect([await child.exited, said[1]]).toEqual([0, ""]);
      const installed = { command: [join(place.path, "mscache")] };
      expect((await runMscache(["--version"], installed)).out).toBe(`${version}\n`);
    });

    test("serves, follows and saves from an empty directory", async () => {
      await using place = await temporaryDirectory();
      const tar = Bun.spawnSync(["tar", "-xzf", join(files, archive), "-C", place.path]);
      expect(tar.exitCode).toBe(0);
      const folder = join(place.path, stem);
      const contents = ["LICENSE", "LICENSES-OF-PARTS", "README.md", "mscache"];
      expect((await readdir(folder)).sort()).toEqual(contents);
      const licenses = await Bun.file(join(folder, "LICENSES-OF-PARTS")).text();
      for (const part of ["Bun", "citty", "consola", "Lua 5.1.5"]) expect(licenses).toContain(part);

      await using empty = await temporaryDirectory();
      const here = { command: [join(folder, "mscache")], directory: empty.path };
      const version = await runMscache(["--version"], here);
      expect(version.out).toBe(`${manifest.version}\n`);
      await using leader = await spawnNode(["--snapshot-file", "saved.rdb"], here);
      await using follower = await spawnNode(["--leaderaddr", leader.address], here);
      await using client = await respClient(leader.port);
      await client.call("SET", "k", "v");
      expect(await client.call("WAIT", "1", "60000")).toBe(1);
      await using copy = await respClient(follower.port);
      expect(await copy.call("GET", "k")).toBe("v");
      expect(await client.call("SAVE")).toBe("OK");
      expect(await readdir(empty.path)).toEqual(["saved.rdb"]);
    });
  });
});

async function pack(outdir: string): Promise<string> {
  const child = Bun.spawn([process.execPath, packScript, String(target), "--outdir", outdir], {
    env: { ...process.env, SOURCE_DATE_EPOCH: "1700000000", RELEASE_URL: "https://example.org" },
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`the release could not be packed: ${errors}`);
  return outdir;
}

/** As `sha256sum` prints them, in the order of the lines. */
async function sumsOf(directory: string, names: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const name of names) {
    const bytes = await Bun.file(join(directory, name)).bytes();
    lines.push(`${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}  ${name}\n`);
  }
  return lines.sort().join("");
}
