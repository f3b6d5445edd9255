// A server as `mscache cli` knows it: a connection that is opened when a command needs one, and
// what the next connection must repeat, which is the login, RESP's version and the database. It
// runs commands one at a time and writes what comes back; piped-commands.ts sends many at once.

import { formatPlace } from "../../base/place.ts";
import { commandText } from "../../protocol/resp/command-bytes.ts";
import { isReport, kindOf } from "./command-kinds.ts";
import { bytesOf } from "./redis-line.ts";
import { type Format, formatPush, formatReply } from "./reply-format.ts";
import type { Tree } from "./reply-tree.ts";
import { ReplyWire, type Target, WireError } from "./reply-wire.ts";

export interface Login {
  readonly user?: string | undefined;
  readonly password: string;
}

export interface SessionOptions {
  readonly target: Target;
  readonly login: Login | null;
  readonly protocol: 2 | 3;
  readonly database: number;
  readonly format: Format;
  /** Whether to show pushes that answer no command. */
  readonly showsPushes: boolean;
  /** Aborted when nobody reads what is written. */
  readonly closed: AbortSignal;
  /** Writes bytes, one a character. */
  readonly write: (text: string) => Promise<void>;
  /** Tells what is no reply: on standard error. */
  readonly complain: (sentence: string) => void;
}

export class PromptSession {
  readonly options: SessionOptions;
  private target: Target;
  private login: Login | null;
  private protocol: 2 | 3;
  private database: number;
  /** The database to select where a login was missing for it. */
  private wanted: number;
  private databaseBefore = 0;
  private inMulti = false;
  private wire: ReplyWire | null = null;
  /** Called when the connection is lost, or bytes arrive, while no command runs. */
  onNews: (() => void) | null = null;

  constructor(options: SessionOptions) {
    this.options = options;
    this.target = options.target;
    this.login = options.login;
    this.protocol = options.protocol;
    this.database = options.database;
    this.wanted = options.database;
  }

  get isConnected(): boolean {
    return this.wire?.isOpen === true;
  }

  /** The server as messages name it. */
  get place(): string {
    return formatPlace(this.target);
  }

  get prompt(): string {
    if (!this.isConnected) return "not connected> ";
    const database = this.database === 0 ? "" : `[${this.database}]`;
    return `${this.place}${database}${this.inMulti ? "(TX)" : ""}> `;
  }

  /** The open connection, made if there is none. Rejects with a WireError. */
  async connect(signal?: AbortSignal): Promise<ReplyWire> {
    if (this.wire?.isOpen) return this.wire;
    this.disconnect();
    const wire = await ReplyWire.open(this.target, signal);
    this.wire = wire;
    wire.onNews = () => this.onNews?.();
    try {
      await this.greet(wire, signal);
    } catch (error) {
      this.disconnect();
      throw error;
    }
    return wire;
  }

  disconnect(): void {
    this.wire?.close();
    this.wire = null;
    this.inMulti = false;
  }

  /** Connects to another server, with the same login and database. */
  async moveTo(target: Target): Promise<void> {
    this.disconnect();
    this.target = target;
    await this.connect();
  }

  /**
   * Runs a command and writes what comes back, but with `hidesError` no error. Rejects with a
   * WireError.
   */
  async run(
    words: readonly string[],
    signal?: AbortSignal,
    hidesError = false,
  ): Promise<Tree | null> {
    const kind = kindOf(words);
    if (kind === "stream") {
      throw new WireError(`${words[0]} turns the connection into a follower's; nothing was sent`);
    }
    if (kind === "monitor" || kind === "subscribe") return this.listen(words, kind, signal);
    const wire = await this.connect(signal);
    wire.send(bytesOf(commandText(words)));
    const reply = await this.answer(wire, kind === "ending", signal);
    if (reply !== null) {
      this.noteReply(words, reply);
      if (!hidesError || reply.type !== "error") await this.write(reply, isReport(words));
      if (this.wanted !== this.database && !this.inMulti) await this.selectWanted();
    }
    return reply;
  }

  /** Runs a command of this program's own, whose reply nobody sees. */
  async ask(words: readonly string[], signal?: AbortSignal): Promise<Tree> {
    const wire = await this.connect(signal);
    wire.send(bytesOf(commandText(words)));
    return this.nextReply(wire, signal);
  }

  /**
   * Sends a command that never stops answering, and takes what comes until the signal, or an error
   * reply, which is returned. Rejects with a WireError.
   */
  async follow(
    words: readonly string[],
    take: (replies: readonly Tree[]) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<Tree> {
    const wire = await this.connect(signal);
    wire.send(bytesOf(commandText(words)));
    try {
      for (;;) {
        const replies = [await wire.reply(signal)];
        // What has arrived with it is taken with it.
        for (let more = wire.take(); more !== undefined; more = wire.take()) replies.push(more);
        await take(replies);
        const refusal = replies.find(({ type }) => type === "error");
        if (refusal !== undefined) return refusal;
      }
    } catch (error) {
      this.disconnect();
      throw error;
    }
  }

  /** The pushes that have arrived while nothing ran. */
  newsText(): string {
    let out = "";
    for (let tree = this.wire?.take(); tree !== undefined; tree = this.wire?.take()) {
      if (this.options.showsPushes) out += formatPush(tree, this.options.format);
    }
    return out;
  }

  /** What a reply to this command means for the connections to come, and for the prompt. */
  noteReply(words: readonly string[], reply: Tree): void {
    const [name = "", ...rest] = words.map((word) => word.toLowerCase());
    const isError = reply.type === "error";
    if (name === "select" && rest.length === 1 && !isError) {
      this.database = Number.parseInt(rest[0] ?? "", 10) || 0;
      this.wanted = this.database;
    } else if (name === "auth" && !isError) {
      this.noteLogin(words.slice(1));
    } else if (name === "hello" && !isError) {
      if (rest[0] === "2" || rest[0] === "3") this.protocol = rest[0] === "3" ? 3 : 2;
      const auth = rest.indexOf("auth");
      if (auth >= 0) this.noteLogin(words.slice(auth + 2, auth + 4));
    } else if (name === "multi" && rest.length === 0 && !isError) {
      this.inMulti = true;
      this.databaseBefore = this.database;
    } else if (name === "exec" || name === "discard") {
      this.noteEnd(name === "discard" ? !isError : isError || reply.type === "nil", name);
    } else if (name === "reset" && !isError) {
      this.inMulti = false;
      this.database = 0;
      this.wanted = 0;
      this.protocol = 2;
      this.login = this.options.login;
    }
  }

  private noteLogin(words: readonly string[]): void {
    const [first = "", second] = words;
    this.login = second === undefined ? { password: first } : { user: first, password: second };
  }

  /** A transaction that has not run did not select a database. */
  private noteEnd(isUndone: boolean, name: string): void {
    if (!this.inMulti || (name === "discard" && !isUndone)) return;
    this.inMulti = false;
    if (isUndone) this.database = this.databaseBefore;
    this.wanted = this.database;
  }

  /** After a login, what was refused before it. */
  private async selectWanted(): Promise<void> {
    const reply = await this.ask(["SELECT", `${this.wanted}`]);
    if (reply.type !== "error") this.database = this.wanted;
    else if (!/^NOAUTH/.test(reply.text)) this.wanted = this.database;
  }

  private async greet(wire: ReplyWire, signal?: AbortSignal): Promise<void> {
    const { login } = this;
    const auth = login && ["AUTH", ...(login.user === undefined ? [] : [login.user])];
    const steps: [string[], string][] = [];
    if (login && auth) steps.push([[...auth, login.password], "AUTH failed"]);
    if (this.protocol === 3) steps.push([["HELLO", "3"], "HELLO 3 failed"]);
    if (this.database !== 0) steps.push([["SELECT", `${this.database}`], "SELECT failed"]);
    wire.send(bytesOf(steps.map(([words]) => commandText(words)).join("")));
    for (const [words, failure] of steps) {
      const reply = await this.nextReply(wire, signal);
      if (reply.type !== "error") continue;
      this.options.complain(`${failure}: ${reply.text}`);
      if (words[0] === "SELECT") this.database = 0;
    }
  }

  /** Null: the server ended because it was told to. */
  private async answer(
    wire: ReplyWire,
    mayEnd: boolean,
    signal?: AbortSignal,
  ): Promise<Tree | null> {
    try {
      return await this.nextReply(wire, signal);
    } catch (error) {
      this.disconnect();
      if (mayEnd && !signal?.aborted) return null;
      throw error;
    }
  }

  /** The next reply that is not a push; pushes are written if they are wanted. */
  private async nextReply(wire: ReplyWire, signal?: AbortSignal): Promise<Tree> {
    for (;;) {
      const reply = await wire.reply(signal);
      if (reply.type !== "push") return reply;
      const { showsPushes, format, write } = this.options;
      if (showsPushes) await write(formatPush(reply, format));
    }
  }

  /** Writes all that comes until the signal; the connection is given up then. */
  private async listen(
    words: readonly string[],
    kind: string,
    signal?: AbortSignal,
  ): Promise<Tree | null> {
    const { format, write } = this.options;
    if (kind === "subscribe" && format !== "raw") {
      await write("Reading messages... (press Ctrl-C to quit)\n");
    }
    const show = (replies: readonly Tree[]) =>
      write(replies.map((reply) => formatReply(reply, format)).join(""));
    return this.follow(words, show, signal);
  }

  private async write(reply: Tree, asText: boolean): Promise<void> {
    await this.options.write(formatReply(reply, this.options.format, asText));
  }
}
