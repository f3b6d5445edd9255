// The connections of MIGRATE: one for each command, to a server that it names. Writes bytes, counts
// lines of replies, and knows no keys. With --tls-replication it connects by TLS, as to a leader.
// Invariants: each wait ends after the time that the command gives for it, unless bytes move; a
// connection is closed by whoever opened it, whatever became of it.

import { lineBytesMax } from "../../base/limits.ts";
import type { Migration, MigrationAnswers, MigrationLink } from "../../command/core/node.ts";
import type { Garbage } from "../../replication/collection.ts";
import { type Dials, LeaderConnection } from "../../replication/follower/leader-connection.ts";
import type { Credentials } from "../security/credentials.ts";

interface Parts {
  readonly credentials: Credentials;
  readonly dials: Dials;
  readonly garbage: Garbage;
}

export class NodeMigration implements Migration {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  async open(host: string, port: number, timeoutMs: number): Promise<MigrationLink | string> {
    const { credentials, dials, garbage } = this.parts;
    const link = new Link(timeoutMs, dials, garbage);
    const problem = await link.open(host, port, credentials.current.link);
    return problem === "" ? link : problem;
  }
}

/** What a wait ended with: "" if it got what it waited for. */
type Outcome = "" | "timeout" | "closed";

class Link implements MigrationLink {
  private readonly connection: LeaderConnection;
  private readonly timeoutMs: number;
  private lines: string[] = [];
  /** The beginning of a line that has not arrived whole. */
  private rest = "";
  private isOpen = false;
  private isClosed = false;
  private reason = "";
  private wake: (() => void) | null = null;

  constructor(timeoutMs: number, dials: Dials, garbage: Garbage) {
    this.timeoutMs = timeoutMs;
    this.connection = new LeaderConnection(
      {
        opened: () => {
          this.isOpen = true;
          this.wake?.();
        },
        received: (chunk) => this.receive(chunk),
        closed: (reason) => this.ended(reason),
      },
      dials,
      garbage,
    );
  }

  private ended(reason: string): void {
    this.isClosed = true;
    this.reason = reason;
    this.wake?.();
  }

  /** Why it cannot be opened, in Redis's words; "" if it is. */
  async open(host: string, port: number, tls: Credentials["current"]["link"]): Promise<string> {
    this.connection.open(host, port, { tls });
    const outcome = await this.until(() => this.isOpen);
    if (outcome === "") return "";
    this.close();
    // Redis notices a refused connection when it writes.
    const isRefused = /ECONNREFUSED|ECONNRESET|closed the connection/.test(this.reason);
    return isRefused ? "writing to target instance" : "connecting to the client";
  }

  async ask(commands: readonly Uint8Array[], answers: number): Promise<MigrationAnswers> {
    for (const command of commands) this.connection.writeBytes(command);
    const outcome = await this.until(() => this.lines.length >= answers);
    const lines = this.lines.splice(0, answers);
    const isWriting = lines.length === 0 && this.connection.unsentBytes > 0;
    const what = isWriting ? "writing to target instance" : "reading to target instance";
    return { lines, problem: outcome === "" ? "" : what };
  }

  close(): void {
    this.connection.close();
  }

  /** Bytes that went out count as well: a large value takes its time. */
  private async until(isDone: () => boolean): Promise<Outcome> {
    while (!isDone()) {
      if (this.isClosed) return "closed";
      const before = this.connection.unsentBytes;
      const hasHappened = await this.nextEvent();
      if (!hasHappened && this.connection.unsentBytes === before) return "timeout";
    }
    return "";
  }

  private async nextEvent(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), this.timeoutMs);
    const hasHappened = await promise;
    clearTimeout(timer);
    this.wake = null;
    return hasHappened;
  }

  /** Replies to AUTH, SELECT and RESTORE are lines. */
  private receive(chunk: Uint8Array): void {
    const lines = (this.rest + Buffer.from(chunk).toString("latin1")).split("\r\n");
    this.rest = lines.pop() ?? "";
    this.lines.push(...lines);
    this.wake?.();
    if (this.rest.length <= lineBytesMax) return;
    this.ended("its reply is no line");
    this.close();
  }
}
