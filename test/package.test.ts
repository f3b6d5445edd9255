// The package as somebody installs it: packed, laid into the node_modules of an empty project,
// compiled there under every strictness, and run. Nothing is fetched: the package's own
// dependencies and the types of bun and node are linked from here. What the client does is judged
// in conformance/.
// Invariant: the tarball is the only piece of MSCache that the project can see.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import {
  freePort,
  respClient,
  runMscache,
  spawnNode,
  startNode,
  temporaryDirectory,
} from "./harness.ts";
import { repetitions, whenShort } from "./support/repetitions.ts";

const repositoryRoot = join(import.meta.dir, "..");
const fixture = join(import.meta.dir, "package-fixture.ts");
/** Packing compiles the declarations. */
const packMsMax = 120_000;
const compileMsMax = 120_000;
/** The compiler is a Go program, and gains nothing from collecting garbage in a second. */
const environment = { ...process.env, GOGC: "off" };

/** Every other entry of the package, without the framework that it is for. */
const useOfAdapters = `
import { KeyvStore, type KeyvStoreEntry, type KeyvStoreOptions } from "mscache/keyv";
import { createIsrHandler, createUseCacheHandler, type NextHandlerOptions } from "mscache/next";
import { RateLimiter, type RateLimiterOptions, type RateLimitResult } from "mscache/rate-limit";
import { createSessionStore, type SessionStore, type StoreClass } from "mscache/session";
import { mscacheDriver, type UnstorageDriver, type UnstorageOptions } from "mscache/unstorage";

export async function adapt(client: Client, Store: StoreClass): Promise<SessionStore> {
  const options: RateLimiterOptions = { client, limit: 10, window: 1000, prefix: undefined };
  const result: RateLimitResult = await new RateLimiter(options).take("id");
  return createSessionStore({ client, Store, ttl: result.resetAfter + 1 });
}

export async function revalidate(options: NextHandlerOptions): Promise<void> {
  await createUseCacheHandler(options).updateTags(["tag"], { expire: 60 });
  await new (createIsrHandler(options))().revalidateTag("tag");
}

export async function list(options: UnstorageOptions): Promise<string[]> {
  const driver: UnstorageDriver = mscacheDriver(options);
  return driver.getKeys("", { maxDepth: 1 });
}

export async function keep(options: KeyvStoreOptions, entry: KeyvStoreEntry): Promise<boolean> {
  return new KeyvStore(options).set(entry.key, entry.value, entry.ttl);
}
`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let project: string;
let packed: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  project = join(directory.path, "project");
  packed = join(project, "node_modules/mscache");
  await mkdir(packed, { recursive: true });
  await run([process.execPath, "pm", "pack", "--destination", directory.path], repositoryRoot);
  const tarball = join(directory.path, `mscache-${manifest.version}.tgz`);
  await run(["tar", "-xzf", tarball, "--strip-components=1", "-C", packed], project);
  await install();
  const program = (await Bun.file(fixture).text()).replace('"../src/index.ts"', '"mscache"');
  await Bun.write(join(project, "program.ts"), program + useOfAdapters);
  await Bun.write(join(project, "package.json"), JSON.stringify({ type: "module" }));
}, packMsMax);

afterAll(() => directory[Symbol.asyncDispose]());

whenShort(() => {
  describe("the package", () => {
    test("holds the sources and the declarations, and nothing else of the repository", async () => {
      const top = await readdir(packed);
      expect(top.sort()).toEqual(
        ["LICENSE", "README.md", "dist", "package.json", "src", "tsconfig.json"].sort(),
      );
      const files = (await readdir(join(packed, "dist"), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name);
      expect(files).toContain("index.d.ts");
      expect(files.filter((name) => !name.endsWith(".d.ts"))).toEqual(["not-bun.js"]);
    });

    test("is exercised whole by the program below", async () => {
      const index = await Bun.file(join(repositoryRoot, "src/index.ts")).text();
      const exported = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)]
        .flatMap(([, list = ""]) => list.split(","))
        .map((name) => name.replace(/^\s*type /, "").trim())
        .filter((name) => name !== "");
      expect(exported).toContain("connect");
      const program = await Bun.file(fixture).text();
      const uses = (name: string) => program.match(RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
      // Once is the import.
      expect(exported.filter((name) => uses(name) < 2)).toEqual([]);
    });

    test("runs under bun against a node", async () => {
      await using node = await startNode();
      const script = 'import { exercise } from "./program.ts";';
      const call = `console.log(await exercise("${node.address}"));`;
      await Bun.write(join(project, "main.ts"), `${script}\n${call}\n`);
      expect(await run([process.execPath, "main.ts"], project)).toBe(
        "PONG here vvnullvv 118118 41truetrue0 v,1 118,1 0 2 hello0 k true,false true true " +
          "SERVER_ERROR:ERR INVALID_ARGUMENT:InvalidArgumentError CONNECT_FAILED:127.0.0.1:1 " +
          "33,2 1falsefalse 8 db0,db1 mscache\n",
      );
    });
  });

  describe.skipIf(Bun.which("node") === null)("in Node.js", () => {
    const entries = Object.entries(manifest.exports).flatMap(([entry, paths]) =>
      typeof paths === "object" ? [[entry.replace(".", "mscache"), paths.default]] : [],
    ) as [string, string][];

    test.each(entries)(
      "%s says that it needs Bun, whatever is imported of it",
      async (name, path) => {
        const exported = Object.keys(await import(join(repositoryRoot, path)));
        expect(exported.length).toBeGreaterThan(0);
        const program = `import { ${exported.join(", ")} } from "${name}";\n`;
        await Bun.write(join(project, "elsewhere.mjs"), program);
        const failed = await run(["node", "elsewhere.mjs"], project).catch(String);
        expect(failed).toContain("Error: mscache needs Bun: run this by `bun`");
      },
    );
  });
});

/** What embed() of the fixture says where everything is as it should be. */
const embedded = "v SERVE_FAILED true true v1 connected,v,,0,0";

whenShort(() => {
  describe("a program that serves by itself", () => {
    const main = 'import { embed } from "./program.ts";\nconsole.log(await embed());\n';

    test("runs from its sources, and writes nothing of its own", async () => {
      await Bun.write(join(project, "embed.ts"), main);
      expect(await run([process.execPath, "embed.ts"], project)).toBe(`${embedded}\n`);
    });

    test(
      "runs as one compiled file, in which more threads are refused",
      async () => {
        const threads =
          "await serve({ threads: 2 }).catch((error) => console.log(error.message));\n";
        const program = `import { serve } from "mscache";\n${main}${threads}`;
        await Bun.write(join(project, "compiled.ts"), program);
        const file = join(directory.path, "elsewhere", "compiled");
        const target = ["--compile", "compiled.ts", "--outfile", file];
        await run([process.execPath, "build", ...target], project);
        expect(await run([file], directory.path)).toBe(
          `${embedded}\nthreads: a program that was bundled or compiled has one data thread\n`,
        );
      },
      compileMsMax,
    );

    test("does not load the server unless it serves", async () => {
      const loaded = 'Object.keys(require.cache).filter((path) => path.includes("/mscache/src/"))';
      const script = `import { connect } from "mscache";\nvoid connect;\nconsole.log(${loaded}.join());`;
      await Bun.write(join(project, "connecting.ts"), script);
      const paths = await run([process.execPath, "connecting.ts"], project);
      const rooms = new Set([...paths.matchAll(/src\/(\w+)\//g)].map(([, room]) => room));
      expect([...rooms].sort()).toEqual(["base", "client", "embed", "protocol"]);
    });
  });
});

// ---- compiling ----------------------------------------------------------------------------------

const strictest = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  declaration: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  skipLibCheck: false,
};
const modules = [
  { module: "Preserve", moduleResolution: "bundler" },
  { module: "Node16", moduleResolution: "node16" },
  { module: "NodeNext", moduleResolution: "nodenext" },
];
const types = [[], ["bun-types"], ["node"]];

describe("the declarations compile", () => {
  for (const [index, resolution] of modules.entries()) {
    // In the short tier one kind of types for each resolution, another one each; then the others.
    const some = types
      .filter((_, at) => at === index)
      .concat(types.filter((_, at) => at !== index));
    test.each(
      some
        .slice(repetitions(0, 1), repetitions(1, 3))
        .map((names) => [names.join() || "no", names]),
    )(
      `in the strictest project with ${resolution.moduleResolution} resolution and %s types`,
      async (_name, names) => {
        expect(await compile({ ...strictest, ...resolution, types: names })).toBe("");
      },
      compileMsMax,
    );
  }

  whenShort(() => {
    test.each([
      ["a project that checks nothing", { strict: false, skipLibCheck: false }],
      [
        "a project of an older language",
        { lib: ["ES2022"], target: "ES2022", skipLibCheck: false },
      ],
      ["a project for the browser", { lib: ["ESNext", "DOM"], skipLibCheck: false }],
      [
        "the project of bun init",
        { strict: true, noUncheckedIndexedAccess: true, types: ["bun-types"] },
      ],
    ])(
      "in %s",
      async (_name, options) => {
        expect(await compile({ types: [], ...modules[0], ...options })).toBe("");
      },
      compileMsMax,
    );

    test(
      "and a mistake in the program is still found",
      async () => {
        const wrong = 'import { connect } from "mscache";\nvoid connect(":1", { port: 1 });\n';
        await Bun.write(join(project, "wrong.ts"), wrong);
        const found = await compile({ ...strictest, ...modules[0], types: [] }, "wrong.ts");
        expect(found).toContain("'port' does not exist in type 'ConnectOptions'");
      },
      compileMsMax,
    );
  });
});

// ---- the command --------------------------------------------------------------------------------

whenShort(() => {
  describe.skipIf(process.platform === "win32")("the command that the package installs", () => {
    const installed = () => ({
      command: [join(project, "node_modules/.bin/mscache")],
      // Its first line asks the environment for bun.
      environment: { PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
      directory: directory.path,
    });

    test("knows its version and helps", async () => {
      const version = await runMscache(["--version"], installed());
      expect(version).toEqual({ status: 0, out: `${manifest.version}\n`, errors: "" });
      const help = await runMscache(["--help"], installed());
      expect([help.status, help.errors]).toEqual([0, ""]);
      expect(help.out).toContain("--listenaddr");
    });

    test("bundles the dashboard when a browser asks for it", async () => {
      const http = `127.0.0.1:${await freePort()}`;
      await using _node = await spawnNode(["--http", http], installed());
      const page = await (await fetch(`http://${http}/`)).text();
      const [, script] = /src="(\/[^"]+\.js)"/.exec(page) ?? [];
      expect((await (await fetch(`http://${http}${script}`)).text()).length).toBeGreaterThan(
        10_000,
      );
    });

    test("serves with several data threads, whose code it finds", async () => {
      await using node = await spawnNode(["--threads", "2"], installed());
      await using client = await respClient(node.port);
      expect(await client.call("SET", "k", "v")).toBe("OK");
      expect(await client.call("CONFIG", "GET", "io-threads")).toEqual(["io-threads", "2"]);
      const read = await runMscache(["get", "k", "--addr", node.address], installed());
      expect(read).toEqual({ status: 0, out: "v", errors: "" });
    });
  });
});

// ---- helpers ------------------------------------------------------------------------------------

/**
 * What an installation adds: the dependencies, the types that some projects use, and the command.
 */
async function install(): Promise<void> {
  const modulesDirectory = join(project, "node_modules");
  // What it names, and the types that bun-types needs.
  const wanted = [...Object.keys(manifest.dependencies), "@types", "undici-types"];
  for (const name of wanted) {
    await symlink(
      join(repositoryRoot, "node_modules", name),
      join(modulesDirectory, name),
      "junction",
    );
  }
  const command = join(packed, manifest.bin.mscache);
  await chmod(command, 0o755);
  await mkdir(join(modulesDirectory, ".bin"));
  await symlink(command, join(modulesDirectory, ".bin/mscache"));
}

/** Compiles one file of the project; answers what the compiler found. */
async function compile(compilerOptions: object, file = "program.ts"): Promise<string> {
  const path = join(project, "tsconfig.json");
  // The libraries of TypeScript itself are not what is checked.
  const own = { skipDefaultLibCheck: true };
  const common = { noEmit: true, target: "ESNext", lib: ["ESNext"], ...own };
  const config = { compilerOptions: { ...common, ...compilerOptions }, files: [file] };
  await Bun.write(path, JSON.stringify(config));
  const compiler = join(repositoryRoot, "node_modules/typescript/bin/tsc");
  // Several threads check the types that they share again: half as much work more.
  const options = ["--project", path, "--pretty", "false", "--singleThreaded"];
  const child = Bun.spawn([process.execPath, compiler, ...options], {
    cwd: project,
    env: environment,
    stderr: "inherit",
  });
  return child.stdout.text();
}

/** Runs a command to its end and answers what it wrote; fails with its errors where it fails. */
async function run(command: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd,
    env: environment,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${errors}${out}`);
  return out;
}
