/**
 * A real terminal: a program in tmux, with keys, a size that can change, and the screen as text.
 * Each terminal is a tmux server of its own without any configuration, which ends with the test.
 */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../harness.ts";

const tmux = Bun.which("tmux");

/** `test.skipIf(!tmuxInstalled())`. In CI its absence is a mistake of the set-up, and fails. */
export function tmuxInstalled(): boolean {
  if (tmux === null && process.env.CI === "true") throw new Error("tmux is not installed");
  return tmux !== null;
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export class Terminal implements AsyncDisposable {
  /** A path of a socket may have a hundred bytes. */
  private readonly socket = join(tmpdir(), `mscache-test-${crypto.randomUUID()}.tmux`);

  /** Runs `script` in a shell; the terminal stays when that has ended. */
  static async start(script: string, options: TerminalOptions = {}): Promise<Terminal> {
    const { columns = 100, rows = 30, environment = {} } = options;
    const terminal = new Terminal();
    const variables = Object.entries(environment).flatMap(([name, value]) => [
      ...["-e", `${name}=${value}`],
    ]);
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    // A shell that waits keeps the screen; it dies with the server.
    const command = `${script}\nexec sleep 600`;
    await terminal.run("new-session", "-d", ...size, ...variables, "sh", "-c", command);
    return terminal;
  }

  /** What the terminal shows, without colours; with `styled`, with their escapes. */
  screen({ styled = false } = {}): Promise<string> {
    return this.run("capture-pane", "-p", ...(styled ? ["-e"] : []));
  }

  /** Waits until the screen, without empty lines at its end, shows it, and returns the screen. */
  async shows(what: string | RegExp): Promise<string> {
    let screen = "";
    const isThere = () => (typeof what === "string" ? screen.includes(what) : what.test(screen));
    try {
      return await waitFor(async () => {
        screen = (await this.screen()).trimEnd();
        return isThere() ? screen : "";
      });
    } catch (error) {
      throw new Error(`the screen never showed ${what}; at last it was:\n${screen}`, {
        cause: error,
      });
    }
  }

  /** Waits until these are the last lines of the screen. */
  endsWith(lines: string): Promise<string> {
    return this.shows(new RegExp(`(^|\\n)${RegExp.escape(lines)}$`));
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.run("send-keys", "-l", "--", text);
  }

  /** Sends all of it at once, as a terminal does with what is pasted. */
  async paste(text: string): Promise<void> {
    // One command of tmux may have 16 KiB.
    for (const part of text.match(/.{1,8192}/gs) ?? []) {
      await this.run("set-buffer", "-a", "-b", "pasted", part);
    }
    await this.run("paste-buffer", "-d", "-b", "pasted");
  }

  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  /** Names of keys as tmux has them ("Up", "C-c"), or texts. */
  async press(...keys: string[]): Promise<void> {
    await this.run("send-keys", ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.run("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** A variable of tmux's formats, such as alternate_on or cursor_flag. */
  async state(name: string): Promise<string> {
    return (await this.run("display-message", "-p", `#{${name}}`)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("kill-server");
    await rm(this.socket, { force: true }); // tmux leaves it
  }

  private async run(...args: string[]): Promise<string> {
    const child = Bun.spawn([tmux ?? "tmux", "-u", "-S", this.socket, "-f", "/dev/null", ...args], {
      // Within somebody's tmux, ours would refuse to nest.
      env: { ...process.env, TMUX: "", NO_COLOR: "", LANG: "C.UTF-8" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`tmux ${args[0]}: ${errors}`);
    return out;
  }
}

/** A command as a shell takes it. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
