// The configuration of a running node: what CONFIG GET shows, what CONFIG SET changes, and what
// CONFIG REWRITE writes. A part with its own copy of a setting is updated by settings-in-force.ts;
// every other part reads the setting when it needs it, or listens for changes.
// Invariant: `current` names the leader that the node follows now, not the one at start.

import type { Address } from "../../base/address.ts";
import { ErrorReply, errorReply } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { reasonOf } from "../../base/reason.ts";
import { Signal } from "../../base/signal.ts";
import type { Configuration } from "../../command/core/node.ts";
import type { Config } from "../../config/config.ts";
import { moveOf, type Relisten } from "../listening/relisten.ts";
import type { Credentials } from "../security/credentials.ts";
import type { Attached } from "../shared/shared-memory.ts";
import { ConfigRewriter } from "./config-rewrite.ts";
import { failure, type Pairs, Settings } from "./settings.ts";
import { putAllIntoForce, putIntoForce } from "./settings-in-force.ts";

const noPort = "without tls-port the node would have no port at all";

export class NodeConfiguration implements Configuration {
  /** Emitted after a successful CONFIG SET. */
  readonly changed = new Signal();
  /** The users to write to the configuration file; null: those of the file stay. */
  userLines: () => readonly string[] | null = () => null;
  /** Binds the sockets of a configuration beside the present ones. */
  relisten: Relisten | null = null;
  private moving: Promise<unknown> = Promise.resolve();
  private readonly settings: Settings;
  private readonly rewriter: ConfigRewriter;
  private readonly credentials: Credentials;

  constructor(config: Config, attached: Attached, credentials: Credentials) {
    this.credentials = credentials;
    this.settings = new Settings(config, (before, after, names) => {
      // A file may have changed under the same name, so it is read whenever it is set, as in Redis.
      const isTls = [...names].some((name) => name.startsWith("tls-"));
      const adopt = isTls ? credentials.prepare(after) : null;
      if (typeof adopt === "string") return adopt;
      const problem = putIntoForce(attached, before, after);
      if (problem === null) adopt?.();
      return problem;
    });
    this.rewriter = new ConfigRewriter(config);
    putAllIntoForce(attached, config);
  }

  get current(): Config {
    return this.settings.config;
  }

  /** Records the leader that the node follows from now on; null: it is the leader. */
  follow(leader: Address | null): void {
    this.settings.config = { ...this.settings.config, leaderAddr: leader };
  }

  get(patterns: readonly string[]): [string, string][] {
    return this.settings.get(patterns);
  }

  /** Only a change of where the node listens takes time. */
  set(pairs: Pairs): ErrorReply | null | Promise<ErrorReply | null> {
    const draft = this.settings.draft(pairs);
    if (draft instanceof ErrorReply) return draft;
    if (moveOf(this.current, draft.after) === null) return this.setNow(pairs);
    const moved = this.moving.then(() => this.move(pairs));
    this.moving = moved.catch(() => undefined); // whoever asked for it hears of it
    return moved;
  }

  private setNow(pairs: Pairs): ErrorReply | null {
    const problem = this.settings.set(pairs);
    if (problem === null) this.changed.emit();
    return problem;
  }

  /** New sockets are bound before anything changes, and old ones end when everything has. */
  private async move(pairs: Pairs): Promise<ErrorReply | null> {
    const draft = this.settings.draft(pairs);
    if (draft instanceof ErrorReply) return draft;
    const { after, names } = draft;
    const move = moveOf(this.current, after);
    if (move === null || this.relisten === null) return this.setNow(pairs);
    if (after.tlsOnly && after.tlsPort === 0) return failure("port", noPort);
    const server = this.credentials.serverOf(after);
    if (typeof server === "string") return failure(pairs[0]?.[0] ?? "", server);
    const settle = await this.relisten(after, move, server);
    if (typeof settle === "string") {
      if (names.has("bind"))
        return failure("bind", `Failed to bind to specified addresses: ${settle}`);
      const name = ["port", "tls-port"].find((it) => names.has(it)) ?? "";
      return failure(name, `Unable to listen on this port: ${settle}`);
    }
    const problem = this.setNow(pairs);
    await settle(problem === null);
    return problem;
  }

  /** Reads the files of certificates again; one with a fault changes nothing. */
  reloadCertificates(log: Logger): void {
    const { credentials } = this;
    const { server, https, link } = credentials.current;
    if (server === null && https === null && link === null) return;
    const adopt = credentials.prepare(this.current);
    const event = "certificates";
    if (typeof adopt === "string")
      return log.error(`the certificates stay as they were: ${adopt}`, { event, reason: adopt });
    adopt();
    log.info("the certificates were read again; new connections use them", { event });
  }

  rewrite(): ErrorReply | null {
    const { rewriter, settings, current } = this;
    if (current.configFile === "") {
      return errorReply("The server is running without a config file");
    }
    try {
      rewriter.rewrite(current, settings.touched, this.userLines());
      return null;
    } catch (error) {
      return errorReply(`Rewriting config file: ${reasonOf(error)}`);
    }
  }
}
