// One key of the node: what is known of it, its value or the beginning of a long one, and the ways
// to change it. Each change is bound to the value that was seen, by its ETag, so that nobody else's
// change is lost. It shows nothing.

import { argumentOf, bytesOf, pathOf } from "./key-bytes.ts";
import { ApiError, type Argument, type NodeApi } from "./node-api.ts";

/** What is fetched without asking. */
export const unaskedBytesMax = 64 * 1024;
/** What can be fetched into the page; more is for a download. */
export const shownBytesMax = 4 * 1024 * 1024;

export interface KeyFacts {
  readonly lengthBytes: number;
  /** Null: it stays. */
  readonly ttlMs: number | null;
  /** Null: the user may not know. */
  readonly memoryBytes: number | null;
}

export interface Seen {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Null: only the beginning was fetched. */
  readonly tag: string | null;
}

/** Somebody else has changed or removed the value since it was seen. */
export class ConflictError extends Error {
  override readonly name = "ConflictError";
}

export class StoredValue {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly database: number;
  private readonly api: NodeApi;

  constructor(api: NodeApi, key: Uint8Array<ArrayBuffer>, database: number) {
    this.api = api;
    this.key = key;
    this.database = database;
  }

  /** Null: no URL can name this key. */
  get path(): string | null {
    return pathOf(this.key, this.database);
  }

  /** Null: there is no such key. */
  async facts(): Promise<KeyFacts | null> {
    const ask = (...words: readonly Argument[]) =>
      this.api.command([...words, argumentOf(this.key)], this.database);
    const [ttl, length, memory] = await Promise.all([
      ask("PTTL"),
      ask("STRLEN"),
      ask("MEMORY", "USAGE").catch(() => null), // an ornament: a user without it does without
    ]);
    if (Number(ttl) === -2) return null;
    return {
      lengthBytes: Number(length),
      ttlMs: Number(ttl) < 0 ? null : Number(ttl),
      memoryBytes: memory === null ? null : Number(memory),
    };
  }

  async beginning(): Promise<Seen> {
    const words = ["GETRANGE", argumentOf(this.key), "0", String(unaskedBytesMax - 1)];
    return { bytes: bytesOf(await this.api.command(words, this.database)), tag: null };
  }

  /** Null: there is no such key any more. */
  async whole(): Promise<Seen | null> {
    const response = await this.send({}, [404]);
    if (response.status === 404) return null;
    return { bytes: await response.bytes(), tag: response.headers.get("etag") };
  }

  /** Keeps the time to live; rejects with ConflictError. */
  async replace(bytes: Uint8Array<ArrayBuffer>, tag: string): Promise<void> {
    await this.change("PUT", { "If-Match": tag, "MSCache-TTL": "keep" }, bytes);
  }

  /** Rejects with ConflictError if there is one. */
  async create(bytes: Uint8Array<ArrayBuffer>, ttlMs: number | null): Promise<void> {
    const life = ttlMs === null ? {} : { "MSCache-TTL": String(ttlMs / 1000) };
    await this.change("PUT", { "If-None-Match": "*", ...life }, bytes);
  }

  /** Without a tag, whatever its value is by now. */
  async remove(tag: string | null): Promise<void> {
    await this.change("DELETE", tag === null ? {} : { "If-Match": tag }, null);
  }

  /** Null: it stays for ever. */
  async expire(ttlMs: number | null): Promise<void> {
    const key = argumentOf(this.key);
    const words = ttlMs === null ? ["PERSIST", key] : ["PEXPIRE", key, String(ttlMs)];
    await this.api.command(words, this.database);
  }

  private async change(
    method: string,
    headers: Record<string, string>,
    body: Uint8Array<ArrayBuffer> | null,
  ): Promise<void> {
    const { status } = await this.send({ method, headers, body }, [404, 412]);
    if (status === 404 || status === 412) throw new ConflictError();
  }

  private send(init: RequestInit, allowed: readonly number[]): Promise<Response> {
    const { path } = this;
    if (path === null) {
      throw new ApiError(400, "No URL can name this key; use the console instead.");
    }
    return this.api.send(path, init, allowed);
  }
}
