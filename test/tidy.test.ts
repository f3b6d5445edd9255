// The house rules as tests: what may import what, what a file opens with, how long it may get, and
// the words that do not belong here. Every finding names file, line and remedy. It reads sources as
// text (support/source.ts blanks strings and comments) and judges neither style nor design.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Import, isComment, readSources, type SourceFile, wayBack } from "./support/source.ts";

const repositoryRoot = join(import.meta.dir, "..");
const columnsMax = 100;
const fileLinesMax = 500;
const functionLinesMax = 70;
const headerLinesMin = 2;
const headerLinesMax = 8;

const files = readSources(repositoryRoot, ["src", "test", "scripts"]);
const sources = files.filter(({ path }) => path.startsWith("src/"));
const pureRooms = /^src\/(store|protocol|journal|rdb)\//;

/** Files of a pure room that must touch the system, each with its reason. */
const impureFiles: Readonly<Record<string, string>> = {
  "src/store/release-pages.ts": "only madvise gives committed pages back to the system",
};

function isPure({ path }: SourceFile): boolean {
  return pureRooms.test(path) && !Object.hasOwn(impureFiles, path);
}

/** Fails with one line for each finding. */
function expectNone(findings: readonly string[]): void {
  expect(findings).toEqual([]);
}

/** One finding for each line of `text` that matches. */
function matches(file: SourceFile, text: string, pattern: RegExp, remedy: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const found = pattern.exec(line);
    return found ? [`${file.path}:${index + 1}: ${found[0].trim()}: ${remedy}`] : [];
  });
}

function everywhere(pattern: RegExp, remedy: string, where: readonly SourceFile[]): string[] {
  return where.flatMap((file) => matches(file, file.code, pattern, remedy));
}

// ---- rooms --------------------------------------------------------------------------------------

const leaves = ["base/"];
const serverRooms = [
  ...["base/", "config/", "node/", "command/", "persistence/", "replication/", "rdb/"],
  ...["protocol/", "keyspace/", "store/", "journal/"],
];

/**
 * What the files of each room may import besides the room itself. A name with a slash at its end is
 * a whole room. src/README.md: main -> cli -> node -> persistence, replication, command ->
 * keyspace -> store, journal; protocol, store, journal, rdb and lua are leaves above base.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "base/": ["../package.json"],
  "store/": leaves,
  "protocol/": leaves,
  "journal/": leaves,
  "rdb/": leaves,
  "lua/": leaves,
  "keyspace/": ["base/", "store/", "journal/"],
  "config/": leaves,
  "command/": [
    ...["base/", "config/", "store/", "journal/", "keyspace/", "rdb/", "lua/"],
    ...["protocol/request.ts", "protocol/reply.ts", "protocol/null-reply.ts"],
    "protocol/apply-stream.ts",
    "protocol/resp/command-bytes.ts", // MIGRATE is a client of another server
  ],
  "replication/": ["base/", "protocol/", "keyspace/", "store/", "journal/", "rdb/"],
  "persistence/": ["base/", "replication/", "rdb/", "keyspace/", "store/", "journal/"],
  "node/": serverRooms,
  // It runs in browsers, and knows of the node what it is told.
  "dashboard/": ["base/clock.ts", "node/admin/observations.ts"],
  "client/": ["base/", "protocol/"],
  // What runs in somebody's process may use the whole server, and has the client's errors.
  "embed/": [...serverRooms, "client/"],
  "bench/": ["base/", "protocol/"],
  "move/": ["base/", "protocol/", "rdb/", "replication/", "client/"],
  // The prompt speaks to servers itself, and completes the commands of the table.
  "cli/": [
    ...["base/", "config/", "node/", "client/", "bench/", "move/", "protocol/", "command/"],
    "dashboard/index.html",
  ],
  "main.ts": ["cli/"],
  "worker.ts": serverRooms,
  "index.ts": ["client/", "embed/"],
};

/** Packages and built-in modules, by the room that may use them. Bun's own modules are free. */
const packages: Readonly<Record<string, readonly string[]>> = {
  citty: ["cli/"],
  "consola/core": ["base/"],
  uplot: ["dashboard/"],
  "wasmoon-lua5.1/dist/liblua5.1.wasm": ["lua/"],
};

/** "src/store/item.ts" -> "store/", "src/base/log.ts" -> "log.ts". */
function roomOf(pathInSource: string): string {
  const slash = pathInSource.indexOf("/");
  return slash < 0 ? pathInSource : pathInSource.slice(0, slash + 1);
}

function judgeImport(file: SourceFile, { line, specifier, target }: Import): string[] {
  const room = roomOf(file.path.slice("src/".length));
  const at = `${file.path}:${line}: imports "${specifier}"`;
  if (target === null) return judgePackage(file, at, specifier);
  if (!/\.(ts|json|html)$/.test(specifier)) return [`${at}: write the file's ending, .ts`];
  const wanted = target.startsWith("src/") ? target.slice("src/".length) : `../${target}`;
  const allowed = mayImport[room];
  if (allowed === undefined) return [`${at}: give the room ${room} a row in mayImport`];
  const isAllowed =
    roomOf(wanted) === room || [wanted, roomOf(wanted)].some((w) => allowed.includes(w));
  return isAllowed ? [] : [`${at}: ${room} may import only ${allowed.join(", ") || "nothing"}`];
}

function judgePackage(file: SourceFile, at: string, specifier: string): string[] {
  if (/^(node:|bun(:|$))/.test(specifier)) {
    return isPure(file) ? [`${at}: a pure room needs no system; pass it in`] : [];
  }
  const room = roomOf(file.path.slice("src/".length));
  if (packages[specifier]?.includes(room)) return [];
  return [`${at}: a package may be used only where packages says, and why`];
}

/** "src/node/admin/health.ts" -> "node/admin". */
function folderOf(path: string | null): string {
  return path?.startsWith("src/") ? dirname(path.slice("src/".length)) : "";
}

/** Names that files of several rooms have, each with its reason. */
const repeated: Readonly<Record<string, string>> = {
  "protocol.ts": "the value of each protocol, one a folder, beside the type of all of them",
};

describe("rooms", () => {
  test("the top level holds only what the user fixed and what tools demand", () => {
    const allowed = [
      ...["package.json", "tsconfig.json", "bunfig.toml", "src", "test", "scripts", "README.md"],
      ...["bun.lock", "LICENSE", ".gitignore", ".ci", ".github", ".git", "node_modules", "dist"],
    ];
    const strangers = readdirSync(repositoryRoot).filter((name) => !allowed.includes(name));
    expectNone(strangers.map((name) => `${name}: put it beside the code that it belongs to`));
  });

  test("imports point one way", () => {
    expectNone(sources.flatMap((file) => file.imports.flatMap((one) => judgeImport(file, one))));
  });

  test("no folder of a room imports itself by way of others", () => {
    const targets = new Map<string, string[]>();
    for (const { path, imports } of sources) {
      const from = folderOf(path);
      const room = roomOf(from);
      // Files beside a room's folders are its front, which uses them and is used by them.
      if (!from.includes("/")) continue;
      const used = imports
        .map(({ target }) => folderOf(target))
        .filter((to) => to !== from && to.includes("/") && roomOf(to) === room);
      targets.set(from, [...(targets.get(from) ?? []), ...used]);
    }
    const circles = [...targets.keys()].flatMap((folder) => {
      const way = wayBack(folder, targets);
      return way === null ? [] : [`${way.join(" -> ")}: move what both need`];
    });
    expectNone(circles);
  });

  test("no file imports itself by way of others", () => {
    const targets = new Map(
      files.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]),
    );
    const circles = files.flatMap(({ path }) => {
      const way = wayBack(path, targets);
      return way === null ? [] : [`${way.join(" -> ")}: let one of them be told what it needs`];
    });
    expectNone(circles);
  });

  test("a name of a file tells one thing in src", () => {
    const paths = new Map<string, string[]>();
    for (const { path } of sources) {
      const name = basename(path);
      paths.set(name, [...(paths.get(name) ?? []), path]);
    }
    const twice = [...paths].filter(([name, list]) => {
      return list.length > 1 && !Object.hasOwn(repeated, name);
    });
    expectNone(twice.map(([name, list]) => `${name}: rename one of ${list.join(", ")}`));
  });

  test("a file of test/unit is named after its source, or source-aspect, or its folder", () => {
    const names = [...sources, ...files.filter(({ path }) => path.startsWith("scripts/"))];
    const known = names.flatMap(({ path }) => {
      const bare = path.replace(/^(src|scripts)\//, "").replace(/\.ts$/, "");
      return [bare, `${dirname(bare)}/${basename(dirname(bare))}`, dirname(bare)];
    });
    const units = files.filter(({ path }) => /^test\/unit\/.*\.test\.ts$/.test(path));
    const strays = units.filter(({ path }) => {
      const bare = path.replace("test/unit/", "").replace(".test.ts", "");
      return !known.some((name) => bare === name || bare.startsWith(`${name}-`));
    });
    expectNone(strays.map(({ path }) => `${path}: name it after what it tests`));
  });

  test("a test of test/unit starts no server and opens no socket", () => {
    const reaching =
      /\bBun\.(listen|connect|serve)\b|\b(createServer|start(Node|Redis|Server)|(spawn|run)\w*(Node|Mscache))\(/;
    const where = files.filter(({ path }) => path.startsWith("test/unit/"));
    expectNone(everywhere(reaching, "move it to a folder beside unit/", where));
  });

  test("nobody imports the entries", () => {
    const entry = /^src\/(main|worker)\.ts$/;
    const guilty = files.flatMap((file) =>
      file.imports
        .filter(({ target }) => entry.test(target ?? ""))
        .map(({ line }) => `${file.path}:${line}: import what the entry imports instead`),
    );
    expectNone(guilty);
  });

  test("store, protocol and journal have no clock, randomness, timers, sockets or log", () => {
    const impure =
      /\b(Date|performance|Math\.random|crypto|set(Timeout|Interval|Immediate)|console|process|Bun|fetch|Worker)\b(?!:)/;
    const where = sources.filter(isPure);
    expectNone(everywhere(impure, "a pure room is told; take it as an argument", where));
  });

  test("only clock.ts reads the time", () => {
    const where = sources.filter(({ path }) => path !== "src/base/clock.ts");
    const reading = /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bBun\.nanoseconds\b/;
    expectNone(everywhere(reading, "use clock.ts", where));
  });

  test("only the log and the command line write to the terminal", () => {
    const where = sources.filter(
      ({ path }) => !/^src\/(base\/stderr\.ts$|cli\/|bench\/)/.test(path),
    );
    expectNone(everywhere(/\bconsole\.|\bprocess\.std(out|err)\b/, "use log.ts", where));
  });
});

// ---- doors --------------------------------------------------------------------------------------

describe("doors", () => {
  const KEYSPACE = "src/keyspace/keyspace.ts";
  /** A store without a journal has no need of the door. */
  const STORE_ALONE = "src/embed/embedded-store.ts";
  const others = sources.filter(
    ({ path }) =>
      path !== KEYSPACE &&
      path !== STORE_ALONE &&
      !/^src\/(store|journal|client|bench|cli)\//.test(path),
  );
  const remedy = `change it through ${KEYSPACE}, which writes store and journal together`;

  test("only the keyspace changes the store", () => {
    // By names that many things have, on what is called a store; and by names that only a store
    // has.
    const common = /\bstore\??\.(set|delete|clear|listener)\b/;
    const own = /(?<!\bkeyspace)\??\.(setRange|setExpiry|beginReplacement)\(/;
    expectNone([...everywhere(common, remedy, others), ...everywhere(own, remedy, others)]);
  });

  test("only the keyspace records what became of items", () => {
    const effect = /\beffects\??\.(set|setRange|expireAt|delete|flushAll)\b/;
    expectNone(everywhere(effect, remedy, others));
  });
});

// ---- state --------------------------------------------------------------------------------------

/** What a module keeps and may change, each with the reason why no node owns it. */
const moduleState: Readonly<Record<string, string>> = {
  "src/base/buffer-pool.ts buffers": "free memory of the thread, whose content is nobody's",
  "src/base/glob.ts masks": "scratch of one call",
  "src/base/glob.ts underWay": "scratch of one call",
  "src/base/stderr.ts stream": "standard error is the process's",
  "src/command/acl/command-names.ts cached": "the table of commands is the same for all nodes",
  "src/command/bits/bit-pieces.ts ones": "never written",
  "src/command/bits/bit-pieces.ts piece": "scratch of one call",
  "src/command/bits/bit-pieces.ts words": "scratch of one call",
  "src/command/bits/bit-pieces.ts zeros": "never written",
  "src/command/bits/bit.ts oneByte": "scratch of one call",
  "src/command/bits/bitfield.ts scratch": "scratch of one call",
  "src/command/bits/bitfield.ts window": "scratch of one call",
  "src/command/bits/bitfield.ts zero": "never written",
  "src/command/bits/bitop.ts piece": "scratch of one call",
  "src/command/bits/bitop.ts spare": "scratch of one call",
  "src/command/bits/bitop.ts words": "scratch of one call",
  "src/command/terms/command-ids.ts lastId": "the table of commands is the same for all nodes",
  "src/command/core/registry.ts commands": "the table of commands is the same for all nodes",
  "src/command/core/registry.ts internal": "the table of commands is the same for all nodes",
  "src/command/core/registry.ts nameBytesMax": "the table of commands is the same for all nodes",
  "src/command/core/registry.ts names": "the table of commands is the same for all nodes",
  "src/command/core/registry.ts slots": "the table of commands is the same for all nodes",
  "src/command/core/write.ts spare": "scratch of one call",
  "src/command/generic/expiry.ts conditions": "scratch of one call",
  "src/command/generic/object-command.ts scratch": "scratch of one call",
  "src/command/hyperloglog/element-hash.ts high": "scratch of one call",
  "src/command/hyperloglog/element-hash.ts low": "scratch of one call",
  "src/command/hyperloglog/hyperloglog-commands.ts before": "scratch of one call",
  "src/command/hyperloglog/hyperloglog-commands.ts beforeWords": "scratch of one call",
  "src/command/hyperloglog/hyperloglog-commands.ts current": "scratch of one call",
  "src/command/hyperloglog/hyperloglog-commands.ts currentWords": "scratch of one call",
  "src/command/hyperloglog/hyperloglog-commands.ts merged": "scratch of one call",
  "src/command/hyperloglog/sparse.ts newBytes": "scratch of one call",
  "src/command/hyperloglog/sparse.ts newRuns": "scratch of one call",
  "src/command/stream/other-types.ts types": "filled when it is loaded",
  "src/command/string/counter.ts counterClientFlags": "scratch of one call",
  "src/command/string/counter.ts counterExpiresAt": "scratch of one call",
  "src/command/string/counter.ts counterLength": "scratch of one call",
  "src/command/string/counter.ts digits": "scratch of one call",
  "src/command/string/set-options.ts options": "scratch of one call",
  "src/rdb/crc64.ts tableHigh": "filled when it is loaded",
  "src/rdb/crc64.ts tableLow": "filled when it is loaded",
  "src/replication/leader/follower-link.ts scratch": "scratch of one call",
  "src/store/release-pages.ts advise": "a function of the system, looked up once",
  "src/lua/module.ts compiled": "the same for all VMs, and never written again",
};

test("what changes while a node runs is the node's and no module's", () => {
  const rooms = sources.filter(({ path }) => !/^src\/(client|cli|bench)\//.test(path));
  // A variable, or a constant whose content can change.
  const changeable =
    /^(?:export )?(?:(?:let|var) (\w+)|const (\w+)(?:: (?!readonly|Readonly)[^=\n]+)? =\s*(?:\[\];|\{\};|new (?!Text|ErrorReply|NullReply|Uint8Array\(0\))))/gm;
  const found = rooms.flatMap(({ path, code }) =>
    [...code.matchAll(changeable)].map(([, one, other]) => `${path} ${one ?? other}`),
  );
  const strangers = found.filter((name) => !Object.hasOwn(moduleState, name));
  expectNone(strangers.map((name) => `${name}: give it to an object, or a reason to moduleState`));
  const gone = Object.keys(moduleState).filter((name) => !found.includes(name));
  expectNone(gone.map((name) => `${name}: it is no more; take it out of moduleState`));
});

// ---- files and functions ------------------------------------------------------------------------

describe("files", () => {
  test(`a comment has ${columnsMax} columns, as the code has that the formatter breaks`, () => {
    // A table in a comment is as wide as it is.
    const wide = files.flatMap(({ path, text, code }) => {
      const blanked = code.split("\n");
      return text.split("\n").flatMap((line, index) => {
        if (line.length <= columnsMax || !isComment(line, blanked[index] ?? "")) return [];
        return [`${path}:${index + 1}: ${line.length} columns; break it`];
      });
    });
    expectNone(wide);
  });

  test("names are in kebab-case", () => {
    const odd = files.filter(({ path }) => !/^([a-z0-9-]+\/)*[a-z0-9.-]+$/.test(path));
    expectNone(odd.map(({ path }) => `${path}: rename it, words-with-dashes`));
  });

  test(`each opens with ${headerLinesMin} to ${headerLinesMax} lines of what, what not, and invariant`, () => {
    const odd = files.filter(({ header }) => {
      const [paragraph = ""] = header.split("\n\n");
      const lines = paragraph === "" ? 0 : paragraph.split("\n").length;
      return lines < headerLinesMin || lines > headerLinesMax;
    });
    const remedy = "open it with a paragraph of that length (more may follow after an empty line)";
    expectNone(odd.map(({ path }) => `${path}:1: ${remedy}`));
  });

  test(`none is longer than ${fileLinesMax} lines`, () => {
    const long = files.filter(({ lineCount }) => lineCount > fileLinesMax);
    expectNone(long.map(({ path, lineCount }) => `${path}:${lineCount}: split it by concern`));
  });

  test(`no function is longer than ${functionLinesMax} lines, unless the header says Exception:`, () => {
    const judged = files.filter((file) => !isException(file));
    const long = judged.flatMap(({ path, functions }) =>
      functions
        .filter(({ lineCount }) => lineCount > functionLinesMax)
        .map(({ line, lineCount }) => `${path}:${line}: ${lineCount} lines; name its parts`),
    );
    expectNone(long);
  });
});

/** Tests are lists of cases, and their outermost functions are as long as the list. */
function isException({ path, header }: SourceFile): boolean {
  return path.startsWith("test/") || header.includes("Exception:");
}

// ---- words --------------------------------------------------------------------------------------

/** Private to the language too, with the reason why the type checker's privacy is not enough. */
const hardPrivate: Readonly<Record<string, string>> = {
  "src/command/terms/session.ts": "a structured clone of a session leaves it out",
};

test("private members are `private`, as types are gone at run time and names need no mark", () => {
  const judged = files.filter(({ path }) => !Object.hasOwn(hardPrivate, path));
  expectNone(everywhere(/(^|[\s.])#[a-z]\w*/, "say private, or give hardPrivate a reason", judged));
});

test("a constant in capitals is a code: a byte, a bit, a state, a place in shared memory", () => {
  // Everything else, in limits.ts as in a test, has a name like a variable's, with its unit.
  const code =
    /^([-~ ()<|&+]|\b(0x[\da-f]+|\d{1,3}|[A-Z][A-Z\d_]+|Number\.\w+|\w+\.[A-Z_]+|sharedValueWords)\b)+$/;
  const odd = files.flatMap(({ path, code: text }) =>
    [...text.matchAll(/^(?:export )?const ([A-Z][A-Z\d_]+)\b(?:: \w+)? =\s*([^;]*);/gm)]
      .filter(([, , value = ""]) => !code.test(value.trim()))
      .map(([, name, value]) => `${path}: ${name} = ${value}: camelCase, as it is a quantity`),
  );
  expectNone(odd);
});

describe("words", () => {
  const others = files.filter(({ path }) => path !== "test/tidy.test.ts");

  test("nothing is left to do", () => {
    const promise = /\b(TODO|FIXME|XXX|HACK)\b/;
    expectNone(
      others.flatMap((file) => matches(file, file.text, promise, "do it, or open an issue")),
    );
  });

  test("the type checker is never silenced", () => {
    const any = /\bas any\b|[:<,|(] *any\b *[[\]>,;)=|]|: any$/;
    expectNone(everywhere(any, "say what it is, or unknown", others));
    const directive = /@ts-(ignore|nocheck|expect-error)/;
    const loose = others.filter(({ path }) => !path.startsWith("test/types/"));
    expectNone(loose.flatMap((file) => matches(file, file.text, directive, "mend the type")));
  });

  test("a doc comment stands before what it tells of", () => {
    const strays = others.flatMap(({ path, text }) =>
      [...text.matchAll(/\*\/\n *\/\*\* /g)].map(({ index }) => {
        const line = text.slice(0, index).split("\n").length;
        return `${path}:${line}: another comment follows; move it to its own place`;
      }),
    );
    expectNone(strays);
  });

  test("an empty catch says in a sentence why the error does not matter", () => {
    const empty = others.flatMap(({ path, emptyCatches }) =>
      emptyCatches.map((line) => `${path}:${line}: add the sentence as a comment inside`),
    );
    expectNone(empty);
  });

  test("leader and follower have no older names, but in the bytes that a protocol fixes", () => {
    // Allowed in strings and comments (they quote wire bytes and other programs' names), and where
    // a Redis command or field (snake_case, or with a number as in slave0) gives an identifier its
    // name; never in what we log.
    const old = /(master|slave|replica(?!t|of))(?!_[a-z]|\d)\w*/i;
    expectNone(everywhere(old, "say leader or follower", others));
    const logged = others.flatMap((file) =>
      matches(
        file,
        file.text,
        /\blog\.\w+\(.*(master|slave|replica(?!t|of))/i,
        "say leader or follower",
      ),
    );
    expectNone(logged);
  });

  test("no test fails because a machine was busy for less than a minute", () => {
    const hasty =
      /\btimeoutMs: [1-5]?\d_000\b|\bsetDefaultTimeout\([1-5]?\d_000\b|^\s*\}, [1-5]?\d_000\);/;
    const where = files.filter(({ path }) => path.startsWith("test/"));
    expectNone(everywhere(hasty, "leave it out, or say caseMsMax", where));
  });

  test("a sleep in a test says what real time it waits for", () => {
    const sleeping = files
      .filter(({ path }) => path.startsWith("test/"))
      .flatMap((file) => unexplainedSleeps(file));
    expectNone(sleeping);
  });
});

function unexplainedSleeps({ path, code, text }: SourceFile): string[] {
  const lines = text.split("\n");
  return code.split("\n").flatMap((line, index) => {
    if (!/\bBun\.sleep(Sync)?\(/.test(line)) return [];
    const near = lines.slice(Math.max(0, index - 2), index + 1).join("\n");
    const remedy = "wait for a condition (waitFor), or say in a comment which time must pass";
    return /\/\/|\*\//.test(near) ? [] : [`${path}:${index + 1}: ${remedy}`];
  });
}
