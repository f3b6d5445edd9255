// The server as a cache needs it: commands with a time limit of the cache's own, and a rest after
// a failure, in which a dead server is not asked, so that nobody waits for it again and again. It
// knows no command.
// Invariant: after a failure one request at a time tries whether the server is back.

import { monotonicMs } from "../../base/clock.ts";
import { type MSCacheError, ServerError, TimeoutError } from "../client-errors.ts";
import type { CommandReply } from "../commands/command-values.ts";
import type { PushLink, PushListener } from "../link/push-link.ts";
import type { Command } from "../wire/command-writer.ts";
import type { CacheEvents } from "./cache-events.ts";

/** What a cache needs of a client. */
export interface CacheClient {
  /** Rejects with TimeoutError after `timeoutMs`. */
  atLeader(words: Command, timeoutMs: number): Promise<CommandReply>;
  pushLink(listener: PushListener): PushLink;
}

export class CacheServer {
  readonly client: CacheClient;
  private readonly timeoutMs: number;
  private readonly retryMs: number;
  private readonly events: CacheEvents;
  /** Until then the server is not asked; 0 while it answers. */
  private restsUntil = 0;
  /** What is said of a command that is not sent as the server rests. */
  private refusal: unknown;

  constructor(client: CacheClient, timeoutMs: number, retryMs: number, events: CacheEvents) {
    this.client = client;
    this.timeoutMs = timeoutMs;
    this.retryMs = retryMs;
    this.events = events;
  }

  /** Sends a command that the caller can do without. Rejects at once while the server rests. */
  ask(...words: Command): Promise<CommandReply> {
    if (this.restsUntil > 0) {
      const now = monotonicMs();
      if (now < this.restsUntil) return Promise.reject(this.refusal);
      this.restsUntil = now + this.timeoutMs; // this one tries
    }
    return this.insist(...words);
  }

  /** Sends a command in any case. */
  async insist(...words: Command): Promise<CommandReply> {
    try {
      const reply = await this.client.atLeader(words, this.timeoutMs);
      this.restsUntil = 0;
      return reply;
    } catch (error) {
      this.failed(String(words[0]), error);
      throw error;
    }
  }

  private failed(name: string, error: unknown): void {
    // A server that refuses is there; and what cannot be sent says nothing about it.
    const isThere = error instanceof ServerError || codeOf(error) === "INVALID_ARGUMENT";
    this.restsUntil = isThere ? 0 : monotonicMs() + this.retryMs;
    this.refusal =
      error instanceof TimeoutError && error.sent ? new TimeoutError(this.timeoutMs, false) : error;
    this.events.tell("serverError", name, 0, error);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as Partial<MSCacheError>).code;
}
