// The orders by which a target begins to follow a source, and leads again. The settings that this
// takes at the target (login and TLS) are remembered and put back.
// Invariant: after promote() the target leads, and after restore() it has the settings of before.

import { resolve } from "node:path";
import { MoveError } from "../../move/move-error.ts";
import type { Contact } from "./contact.ts";
import { leaderIn } from "./lag.ts";

/** Files of TLS as the target reads them; empty: those that it has. */
export interface SourceTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export class Orders {
  private readonly target: Contact;
  private before: Map<string, string> | null = null;

  constructor(target: Contact) {
    this.target = target;
  }

  /** Whether restore() puts settings back; not where an earlier run set them. */
  get remembers(): boolean {
    return this.before !== null;
  }

  /** Tells the target how to log in, and whom to follow. */
  async follow(source: Contact, tls: SourceTls): Promise<void> {
    const wanted = settingsFor(source, tls);
    const present = await this.target.settings([...wanted.keys()]);
    this.before = new Map([...present].filter(([name, value]) => wanted.get(name) !== value));
    await this.target.set([...wanted].filter(([name]) => this.before?.has(name)));
    const { host, port } = source.target.place;
    try {
      await this.target.text("REPLICAOF", host, String(port));
    } catch (error) {
      await this.restore().catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  }

  /** The target leads from now on. */
  async promote(): Promise<void> {
    await this.target.text("REPLICAOF", "NO", "ONE");
    const leader = leaderIn(await this.target.info("replication"));
    if (leader !== null) throw new MoveError(`${this.target.name} still follows ${leader}`);
  }

  async restore(): Promise<void> {
    await this.target.set(this.before ?? []);
  }
}

function settingsFor({ target }: Contact, tls: SourceTls): Map<string, string> {
  const { login } = target;
  const user = login === null || login.username === "default" ? "" : login.username;
  const settings = new Map([
    ["masteruser", user],
    ["masterauth", login?.password ?? ""],
    ["tls-replication", target.tls === null ? "no" : "yes"],
  ]);
  const files = { "tls-ca-cert-file": tls.ca, "tls-client-cert-file": tls.cert };
  for (const [name, path] of Object.entries({ ...files, "tls-client-key-file": tls.key })) {
    if (path !== "") settings.set(name, resolve(path));
  }
  return settings;
}
