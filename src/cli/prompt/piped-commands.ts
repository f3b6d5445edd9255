// Commands from a pipe, one a line: they are sent as they arrive, without waiting for the replies
// of those before, and what comes back is written in their order. A command that does not end, or
// whose end changes what follows (SUBSCRIBE, CONNECT, a repetition), waits for all before it.
// Invariant: at most inFlightMax commands, and about requestBytesMax of requests that the server
// has not taken, are under way; behind that the pipe waits. Hot path: a million lines are read,
// sent and answered in about the time that the server takes.

import { Queue } from "../../client/link/queue.ts";
import { commandText } from "../../protocol/resp/command-bytes.ts";
import { Failure } from "../failure.ts";
import { isReport, kindOf } from "./command-kinds.ts";
import type { PromptSession } from "./prompt-session.ts";
import { bytesOf, splitLine } from "./redis-line.ts";
import { formatPush, formatReply } from "./reply-format.ts";
import type { Tree } from "./reply-tree.ts";
import { type ReplyWire, WireError } from "./reply-wire.ts";

const inFlightMax = 16_384;
const requestBytesMax = 1024 * 1024;
/** A longer line is not taken for a command; a value of that size comes by -x. */
const lineBytesMax = 64 * 1024 * 1024;
/** So many characters of replies are collected before they are written. */
const outputCharacters = 256 * 1024;

/** What answers a line: a reply to these words, or a text of this program. */
type Pending = readonly string[] | string;

export interface PipeOptions {
  readonly session: PromptSession;
  /** Ends at the first error, which is thrown; one command at a time is sent then. */
  readonly stopsAtError: boolean;
  /** Runs a line that cannot be sent with others. False: read no more. */
  readonly runAlone: (words: readonly string[]) => Promise<boolean>;
}

export class PipedCommands {
  private readonly options: PipeOptions;
  private readonly pending = new Queue<Pending>();
  private wire: ReplyWire | null = null;
  private requests = "";
  /** The beginning of a line whose end has not been read. */
  private pieces: string[] = [];
  private piecesBytes = 0;
  private answered = 0;

  constructor(options: PipeOptions) {
    this.options = options;
  }

  /** Reads the stream to its end. Rejects with a Failure. */
  async run(input: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks = input[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await this.receiveMeanwhile(chunks.next());
      if (done === true) break;
      if (!(await this.runLines(this.linesOf(value)))) return;
    }
    if (this.pieces.length > 0 && !(await this.runLines([this.pieces.join("")]))) return;
    await this.receiveAll();
  }

  /** What the promise says; replies that arrive before are written at once. */
  private async receiveMeanwhile<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => {
      isSettled = true;
    });
    while (!isSettled && this.pending.length > 0) {
      await this.receiveAvailable();
      if (isSettled || this.pending.length === 0) break;
      const arrived = this.orLost((await this.connected()).more());
      arrived.catch(() => {}); // told by the next one that waits, if the input comes first
      await Promise.race([settled, arrived]);
    }
    return settled;
  }

  private linesOf(chunk: Uint8Array): string[] {
    const lines = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      .toString("latin1")
      .split("\n");
    if (lines.length > 1) {
      lines[0] = this.pieces.join("") + lines[0];
      this.pieces = [];
      this.piecesBytes = 0;
    }
    const rest = lines.pop() ?? "";
    if (rest !== "") this.pieces.push(rest);
    this.piecesBytes += rest.length;
    if (this.piecesBytes > lineBytesMax) throw new Failure("a line of the input is too long");
    return lines;
  }

  private async runLines(lines: readonly string[]): Promise<boolean> {
    for (const line of lines) {
      if (!(await this.runLine(line))) return false;
      const isFull = this.requests.length >= requestBytesMax / 4;
      if (isFull) await this.flush();
      if (this.pending.length >= inFlightMax) await this.receiveUntil(inFlightMax / 2);
    }
    await this.flush();
    return true;
  }

  /** False: the line was QUIT. */
  private async runLine(line: string): Promise<boolean> {
    const words = splitLine(line);
    if (words === null) {
      this.pending.push("Invalid argument(s)\n");
      return true;
    }
    if (words.length === 0) return true;
    if (kindOf(words) !== "plain" || /^\d+$/.test(words[0] ?? "")) {
      await this.receiveAll();
      return this.orLost(this.options.runAlone(words));
    }
    this.requests += commandText(words);
    this.pending.push(words);
    if (this.options.stopsAtError) await this.receiveAll();
    return true;
  }

  // ---- sending ---------------------------------------------------------------------------------

  private async flush(): Promise<void> {
    if (this.requests === "") return;
    const wire = await this.connected();
    wire.send(bytesOf(this.requests));
    this.requests = "";
    while (wire.unsentBytes > requestBytesMax) {
      await this.receiveAvailable();
      if (wire.unsentBytes > requestBytesMax) await this.orLost(wire.more());
    }
  }

  private async connected(): Promise<ReplyWire> {
    if (this.wire?.isOpen) return this.wire;
    this.wire = await this.orLost(this.options.session.connect());
    return this.wire;
  }

  /** What was sent before a loss may have been executed, so nothing is repeated. */
  private async orLost<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const after = this.answered === 0 ? "" : ` after ${this.answered} replies`;
      throw new Failure(`${error.message}${after}`, { cause: error });
    }
  }

  // ---- receiving -------------------------------------------------------------------------------

  private async receiveAll(): Promise<void> {
    await this.flush();
    await this.receiveUntil(0);
  }

  private async receiveUntil(left: number): Promise<void> {
    await this.flush();
    await this.receiveAvailable();
    while (this.pending.length > left) {
      await this.orLost((await this.connected()).more());
      await this.receiveAvailable();
    }
  }

  /** Writes what has been answered. */
  private async receiveAvailable(): Promise<void> {
    const { write } = this.options.session.options;
    let out = "";
    for (let next = this.pending.peek(); next !== undefined; next = this.pending.peek()) {
      if (typeof next === "string") {
        out += next;
        this.pending.shift();
        continue;
      }
      const reply = this.wire?.take();
      if (reply === undefined) break;
      out += this.answerOf(next, reply);
      if (out.length < outputCharacters) continue;
      await write(out);
      out = "";
    }
    if (out !== "") await write(out);
  }

  private answerOf(words: readonly string[], reply: Tree): string {
    const { session, stopsAtError } = this.options;
    const { format, showsPushes } = session.options;
    if (reply.type === "push") return showsPushes ? formatPush(reply, format) : "";
    this.pending.shift();
    this.answered++;
    if (stopsAtError && reply.type === "error") throw new Failure(reply.text);
    session.noteReply(words, reply);
    return formatReply(reply, format, isReport(words));
  }
}
