// The installer of a release, with a small release of the test's own behind a web server: what it
// puts where, and that nothing is put anywhere if a byte is wrong. The program in these archives is
// a shell script; real executables are judged in binary.test.ts and executables.test.ts.

import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type ArchivedFile, packArchive } from "../../scripts/release/archive.ts";
import { archiveName, archiveStem, releaseTargets } from "../../scripts/release/targets.ts";
import { temporaryDirectory } from "../harness.ts";

const version = "7.8.9";
const script = await Bun.file(join(import.meta.dir, "../../scripts/release/install.sh")).text();
const hasShell = process.platform !== "win32";

interface Machine {
  readonly system?: string;
  readonly machine?: string;
  /** What `ldd --version` says. */
  readonly libc?: string;
  /** Programs that are not there. */
  readonly without?: readonly string[];
}

interface Release extends AsyncDisposable {
  readonly url: string;
  readonly files: Map<string, Uint8Array>;
}

/** Every archive of Linux and macOS; the program in each prints the name of its target. */
function publish(): Release {
  const files = new Map<string, Uint8Array>();
  const sums: string[] = [];
  for (const target of releaseTargets.filter((name) => !name.startsWith("windows"))) {
    const program = Buffer.from(`#!/bin/sh\necho ${target}\n`);
    const contents: ArchivedFile[] = [{ name: "mscache", data: program, isExecutable: true }];
    const name = archiveName(target, version);
    const data = packArchive(name, archiveStem(target, version), contents, 1_700_000_000);
    files.set(name, data);
    sums.push(`${new Bun.CryptoHasher("sha256").update(data).digest("hex")}  ${name}`);
  }
  files.set("SHA256SUMS", Buffer.from(`${sums.join("\n")}\n`));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ url }) {
      const data = files.get(new URL(url).pathname.slice(1));
      return data === undefined ? new Response("", { status: 404 }) : new Response(data);
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return { url, files, [Symbol.asyncDispose]: () => server.stop(true) };
}

const needed = ["sh", "cat", "chmod", "cp", "cut", "grep", "gzip", "mkdir", "mktemp", "mv", "rm"];
const tools = [...needed, "tar", "curl", "wget", "sha256sum", "shasum", "uname", "ldd", "sysctl"];

/** A PATH with only these programs, of which some say what the test wants. */
async function pathOf(directory: string, { system, machine, libc, without = [] }: Machine) {
  const path = join(directory, "path");
  await mkdir(path, { recursive: true });
  for (const name of tools) {
    const real = Bun.which(name);
    if (real !== null && !without.includes(name)) await symlink(real, join(path, name));
  }
  const fake = async (name: string, text: string) => {
    await Bun.file(join(path, name))
      .delete()
      .catch(() => undefined); // it may not be there
    await Bun.write(join(path, name), `#!/bin/sh\n${text}\n`);
    await chmod(join(path, name), 0o755);
  };
  const names = `case "$1" in -m) echo ${machine ?? "x86_64"};; *) echo ${system ?? "Linux"};; esac`;
  await fake("uname", names);
  await fake("ldd", `echo "${libc ?? "ldd (GNU libc) 2.36"}" >&2`);
  await fake("sysctl", "exit 1");
  return path;
}

async function install(release: Release, machine: Machine = {}, text = script) {
  const directory = await temporaryDirectory();
  const path = await pathOf(directory.path, machine);
  const bin = join(directory.path, "home/.local/bin");
  const file = join(directory.path, "install.sh");
  await Bun.write(file, text.replaceAll("@VERSION@", version));
  const env = { PATH: path, HOME: join(directory.path, "home"), TMPDIR: directory.path };
  const child = Bun.spawn([join(path, "sh"), file], {
    env: { ...env, MSCACHE_RELEASE_URL: release.url },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const installed: string[] = await readdir(bin).catch(() => []);
  const left = (await readdir(directory.path)).filter((name) => name.startsWith("tmp."));
  const says = installed.includes("mscache")
    ? Bun.spawnSync([join(bin, "mscache")])
        .stdout.toString()
        .trim()
    : null;
  return { directory, status: await child.exited, out, errors, installed, left, says, bin };
}

describe.skipIf(!hasShell)("the installer", () => {
  const machines: [string, Machine, RegExp][] = [
    ["an ordinary Linux", {}, /^linux-x64(-baseline)?$/],
    ["Alpine", { libc: "musl libc (x86_64)" }, /^linux-x64-musl(-baseline)?$/],
    ["Linux on arm64", { machine: "aarch64" }, /^linux-arm64$/],
    ["Alpine on arm64", { machine: "aarch64", libc: "musl libc" }, /^linux-arm64-musl$/],
    ["macOS on arm64", { system: "Darwin", machine: "arm64" }, /^darwin-arm64$/],
    ["an old Mac", { system: "Darwin" }, /^darwin-x64-baseline$/],
    ["a machine without curl", { without: ["curl"] }, /^linux-x64(-baseline)?$/],
    ["a machine without sha256sum", { without: ["sha256sum"] }, /^linux-x64(-baseline)?$/],
  ];
  test.each(machines)("gives %s its own executable", async (_name, machine, target) => {
    await using release = publish();
    const result = await install(release, machine);
    await using _directory = result.directory;
    expect(result.errors).toBe("");
    expect(result.status).toBe(0);
    expect(result.says).toMatch(target);
    expect(result.installed).toEqual(["mscache"]);
    expect(result.left).toEqual([]);
    expect(result.out).toContain(`mscache ${version} is in ${result.bin}/mscache`);
    expect(result.out).toContain("is not in your PATH");
  });

  const refused: [string, Machine, (release: Release) => void, string][] = [
    [
      "an archive with a wrong byte",
      {},
      ({ files }) => {
        for (const [name, data] of files) {
          if (name !== "SHA256SUMS") files.set(name, Buffer.concat([data, Buffer.from("x")]));
        }
      },
      "is damaged",
    ],
    [
      "a release without this machine's archive",
      {},
      ({ files }) => files.set("SHA256SUMS", Buffer.from("0  another\n")),
      "the release has no mscache-",
    ],
    ["a release that is not there", {}, ({ files }) => files.clear(), "cannot download"],
    ["another processor", { machine: "riscv64" }, () => undefined, "no executable for riscv64"],
    ["another system", { system: "FreeBSD" }, () => undefined, "Linux and macOS"],
    [
      "a machine that can check no sums",
      { without: ["sha256sum", "shasum"] },
      () => undefined,
      "needs sha256sum or shasum",
    ],
    ["a machine that can download nothing", { without: ["curl", "wget"] }, () => undefined, "curl"],
  ];
  test.each(refused)("refuses %s, and leaves nothing", async (_name, machine, spoil, sentence) => {
    await using release = publish();
    spoil(release);
    const result = await install(release, machine);
    await using _directory = result.directory;
    expect(result.errors).toContain(sentence);
    expect(result.status).not.toBe(0);
    expect(result.installed).toEqual([]);
    expect(result.left).toEqual([]);
  });

  test("of no release asks where its files are", async () => {
    await using release = publish();
    const text = script.replace("MSCACHE_RELEASE_URL:-", "NO_SUCH_NAME:-");
    const result = await install(release, {}, text);
    await using _directory = result.directory;
    expect(result.errors).toContain("set MSCACHE_RELEASE_URL");
    expect(result.status).toBe(1);
  });
});
