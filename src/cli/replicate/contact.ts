// A server that is watched for minutes or hours: a lost connection is opened again. A question that
// meets a lost connection fails, and the next one tries again. It asks, and judges nothing.

import { MoveError } from "../../move/move-error.ts";
import { ServerLink, type Target } from "../../move/server-link.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import { InfoFields } from "../info-fields.ts";

export class Contact implements AsyncDisposable {
  readonly target: Target;
  private held: ServerLink | null = null;

  constructor(target: Target) {
    this.target = target;
  }

  /** "host:port". */
  get name(): string {
    const { host, port, unixPath } = this.target.place;
    return unixPath ?? `${host}:${port}`;
  }

  /** The connection, with any database selected. Rejects with a MoveError. */
  async link(): Promise<ServerLink> {
    if (this.held === null || !this.held.isOpen) this.held = await ServerLink.open(this.target);
    return this.held;
  }

  async info(section: string): Promise<InfoFields> {
    return new InfoFields(await this.text("INFO", section));
  }

  /** The reply as text. */
  async text(...command: string[]): Promise<string> {
    return await (await this.link()).text(...command);
  }

  /** The values of settings that the server has. */
  async settings(names: readonly string[]): Promise<Map<string, string>> {
    const link = await this.link();
    const found = new Map<string, string>();
    for (const name of names) {
      const reply = await link.demand("CONFIG", "GET", name);
      const [, value] = Array.isArray(reply) ? reply : [];
      if (value instanceof Uint8Array) found.set(name, Buffer.from(value).toString());
    }
    return found;
  }

  /** Sets all of them or none. */
  async set(settings: Iterable<readonly [string, string]>): Promise<void> {
    const words = [...settings].flat();
    if (words.length === 0) return;
    const reply = await (await this.link()).ask("CONFIG", "SET", ...words);
    // Not demand(): what a server says may repeat a password.
    if (!(reply instanceof ReplyError)) return;
    const secrets = [...settings].filter(([name]) => name === "masterauth").map(([, it]) => it);
    const said = secrets.reduce(
      (text, it) => (it === "" ? text : text.replaceAll(it, "***")),
      reply.text,
    );
    throw new MoveError(`${this.name} refuses to be set to follow: ${said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.held?.[Symbol.asyncDispose]();
  }
}
