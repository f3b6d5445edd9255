/**
 * The shell lines of a document, run as a reader would run them: one bash for the whole document,
 * in a directory of its own. A line that starts a server starts it in the background; what a line
 * prints is compared with the `# => ...` behind it and in the lines after it, where `...` stands
 * for anything. Ports that documents use stand for free ones.
 * Invariant: every line of every block is run, or is named with a reason (`notRun`).
 */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, temporaryDirectory, waitFor } from "../harness.ts";
import { collectText } from "./collected-text.ts";
import { nodeCommand } from "./programs.ts";

const repositoryRoot = join(import.meta.dir, "../..");

/** The ports that documents name. A number that is no port must be another one. */
const portPattern = /\b(500[0-9]|5443|6379|2637[9]|2638[0-9]|912[1-9]|11211)\b/g;

export interface ShellLine {
  /** The document and the line in it. */
  readonly where: string;
  /** The text of the heading above it. */
  readonly heading: string;
  readonly command: string;
  /** The lines that it prints, or null if the document does not say. */
  readonly prints: readonly string[] | null;
}

/** The commands in the `sh` blocks of a document, in their order. */
export function shellLines(path: string, text: string): ShellLine[] {
  const found: ShellLine[] = [];
  let pending: string[] = [];
  let isShell = false;
  let heading = "";
  for (const [index, line] of text.split("\n").entries()) {
    if (line.startsWith("```")) isShell = line === "```sh";
    else if (!isShell) heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    else if (isShell) {
      const last = found.at(-1);
      const [, promised] = /^\s*# => (.*)$/.exec(line) ?? [];
      if (promised !== undefined && last !== undefined && pending.length === 0) {
        found[found.length - 1] = { ...last, prints: [...(last.prints ?? []), promised.trim()] };
      } else if (pending.length > 0 || !/^\s*(#|$)/.test(line)) {
        pending.push(line);
        if (isWhole(pending)) {
          found.push({ ...promiseOf(pending.join("\n")), where: `${path}:${index + 1}`, heading });
          pending = [];
        }
      }
    }
  }
  return found;
}

/** Whether the lines are a command: no heredoc is open, and no line is to be continued. */
function isWhole(lines: readonly string[]): boolean {
  const [, mark] = /<<-?\s*'?(\w+)'?/.exec(lines[0] ?? "") ?? [];
  if (mark !== undefined) return lines.at(-1) === mark;
  return !lines.at(-1)?.endsWith("\\");
}

function promiseOf(text: string): Pick<ShellLine, "command" | "prints"> {
  const [, command = text, prints] = /^(.*?)\s+# => (.*)$/s.exec(text) ?? [];
  return { command, prints: prints === undefined ? null : [prints.trim()] };
}

/** Lines that start a server: it stays, and the next line is run. */
const serverPattern =
  /^(?:\w+=\S+ )*(?:mscache(?= --|$| &|\s+#)|redis-server|redis-sentinel|npx -y bun\S* run start|bun run start)/;

/** A question: asked again until the answer is the one that is promised, as things take time. */
const questionPattern =
  /^(?!.*\b(?:INCR|SET|DEL)\b).*\b(?:GET|MGET|TTL|DBSIZE|INFO|ROLE|SENTINEL|PING|EXISTS|curl|get|info|keys|ttl|ping)\b/;

/** What tells by its status of the machine, too. */
const judgePattern = /^mscache doctor\b/;

/** What runs until its reader ends it: here for two seconds. */
const endlessPattern = /^mscache monitor\b/;
const timeoutStatus = 124;

const notThere = /refused|could not connect|cannot connect|no connection/i;

export class GuideShell implements AsyncDisposable {
  private readonly child;
  private readonly out;
  private readonly ports: ReadonlyMap<string, number>;
  /** The logs of the servers. */
  private readonly servers: string[] = [];
  private readonly directory: AsyncDisposable & { readonly path: string };
  private count = 0;

  private constructor(
    directory: AsyncDisposable & { readonly path: string },
    ports: ReadonlyMap<string, number>,
  ) {
    this.directory = directory;
    this.ports = ports;
    const { path } = directory;
    this.child = Bun.spawn(["bash", "--noprofile", "--norc"], {
      cwd: join(path, "work"),
      env: { ...process.env, PATH: `${join(path, "bin")}:${process.env.PATH}`, NO_COLOR: "1" },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
      // A group of its own, which ends as a whole.
      detached: true,
    });
    this.out = collectText(this.child.stdout);
  }

  static async start(lines: readonly Pick<ShellLine, "command">[]): Promise<GuideShell> {
    const named = lines.flatMap(({ command }) => command.match(portPattern) ?? []);
    const ports = new Map<string, number>();
    for (const port of new Set([...named, "5000"])) ports.set(port, await freePort());
    const directory = await temporaryDirectory();
    await mkdir(join(directory.path, "work"));
    await writePrograms(join(directory.path, "bin"), ports.get("5000") ?? 0);
    return new GuideShell(directory, ports);
  }

  /** Runs a line and compares what it prints; throws with the place if it is something else. */
  async run(line: ShellLine): Promise<void> {
    const command = this.placed(line.command);
    if (serverPattern.test(command)) return this.startServer(command);
    const wanted = line.prints?.map((text) => this.placed(text)).join("\n") ?? null;
    const isQuestion = questionPattern.test(command);
    let said = "";
    const isRight = async () => {
      const isEndless = endlessPattern.test(command);
      const { text, status } = await this.execute(`${isEndless ? "timeout 2 " : ""}${command}`);
      said = `${text}\n(status ${status})`;
      const isJudgement = status === 1 && judgePattern.test(command);
      const isDone = status === 0 || isJudgement || (isEndless && status === timeoutStatus);
      if (wanted === null ? isDone : isLike(text, wanted)) return true;
      return isQuestion || notThere.test(text) ? false : "wrong";
    };
    const verdict = await waitFor(isRight, { message: line.where }).catch(() => "wrong");
    if (verdict === true) return;
    throw new Error(
      `${line.where}: ${command}\nprints\n${said}\n${wanted === null ? "and fails" : `not\n${wanted}`}\n${await this.logs()}`,
    );
  }

  private async startServer(command: string): Promise<void> {
    const log = join(this.directory.path, `server-${this.servers.length}.log`);
    const bare = command.replace(/\s+#.*$/, "").replace(/\s*&\s*$/, "");
    await this.execute(`${bare} > ${log} 2>&1 &`);
    this.servers.push(log);
  }

  private async execute(
    command: string,
  ): Promise<{ readonly text: string; readonly status: number }> {
    const mark = `--- guide ${++this.count}`;
    const begin = this.out().length;
    this.child.stdin.write(
      `{\n${command}\n} < /dev/null 2>&1\nstatus=$?\necho; echo "${mark}: $status"\n`,
    );
    this.child.stdin.flush();
    const end = new RegExp(`^${mark}: (\\d+)$`, "m");
    const found = await waitFor(() => end.exec(this.out().slice(begin)), { message: command });
    const text = this.out().slice(begin, begin + found.index);
    return { text: text.trim(), status: Number(found[1]) };
  }

  private placed(text: string): string {
    return text.replace(portPattern, (port) => `${this.ports.get(port) ?? port}`);
  }

  private async logs(): Promise<string> {
    const texts = this.servers.map((log) => readFile(log, "utf8").catch(() => ""));
    return (await Promise.all(texts)).map((text) => text.slice(-2_000)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.kill(-this.child.pid, "SIGKILL");
    await this.child.exited;
    await this.directory[Symbol.asyncDispose]();
  }
}

/** Line by line, blanks at the ends and empty lines aside; `...` in a promise is anything. */
function isLike(text: string, promise: string): boolean {
  const tidy = (all: string) =>
    all
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join("\n");
  const pattern = tidy(promise).split("...").map(RegExp.escape).join("[\\s\\S]*");
  return new RegExp(`^${pattern}$`).test(tidy(text));
}

/**
 * What a reader has installed: `mscache`, whose port 5000 is another one here, and redis-cli, which
 * is to print as it does in a terminal.
 */
async function writePrograms(directory: string, port: number): Promise<void> {
  const node = nodeCommand.map((word) => `"${word}"`).join(" ");
  const place = `127.0.0.1:${port}`;
  const programs = {
    mscache: [
      'case "$*" in',
      "  --help*|--version*|completions*|replicate-from*|top\\ *:*) ;;",
      "  *--listenaddr*|*--config*) ;;",
      `  ""|--*) set -- "$@" --listenaddr ${place} ;;`,
      "  *--addr*) ;;",
      `  *) set -- "$1" --addr ${place} "\${@:2}" ;;`,
      "esac",
      `exec ${node} "$@"`,
    ],
    "redis-cli": [`exec ${Bun.which("redis-cli")} --no-raw "$@"`],
    // As npx runs the Bun of this version; that npx fetches it is the business of .ci/run.
    npx: [
      `[ "$1 $2" = "-y bun@${Bun.version}" ] || exit 1`,
      "shift 2",
      `cd "${repositoryRoot}"`,
      `MSCACHE_LISTENADDRESS=${place} exec "${process.execPath}" "$@"`,
    ],
  };
  await mkdir(directory);
  for (const [name, lines] of Object.entries(programs)) {
    const path = join(directory, name);
    await writeFile(path, `#!/bin/bash\n${lines.join("\n")}\n`);
    await chmod(path, 0o755);
  }
}
