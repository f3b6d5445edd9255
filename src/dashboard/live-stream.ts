// The stream of samples, /v1/events, kept open: it reconnects, says when the node does not answer,
// and tells a node that is gone from one that refuses. A hidden page lets the stream go.
//
//   connecting -> live -> lost -> live ...     lost: no sample for `silenceMsMax`, or an error
//
// Invariant: there is at most one EventSource and one timer.

import type { StreamEvent } from "../node/admin/observations.ts";
import { ApiError, type NodeApi, sentenceOf } from "./node-api.ts";

export type Pulse =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "lost"; readonly why: string }
  /** Asking again is of no use before somebody logs in or changes the rights. */
  | { readonly state: "refused"; readonly why: string };

const eventNames = ["sample", "commands", "replication", "threads", "miss-curve"] as const;
const silenceMsMax = 5_000;
const retryMs = 2_000;

export class LiveStream {
  private readonly api: NodeApi;
  private readonly onEvent: (event: StreamEvent) => void;
  private readonly onPulse: (pulse: Pulse) => void;
  private source: EventSource | null = null;
  private isWanted = false;
  /** Counts starts and pauses. */
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    api: NodeApi,
    onEvent: (event: StreamEvent) => void,
    onPulse: (pulse: Pulse) => void,
  ) {
    this.api = api;
    this.onEvent = onEvent;
    this.onPulse = onPulse;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.pause();
      else if (this.isWanted) this.start();
    });
  }

  start(): void {
    this.pause();
    this.isWanted = true;
    this.onPulse({ state: "connecting" });
    const source = new EventSource("/v1/events");
    this.source = source;
    this.expectSample();
    for (const name of eventNames) {
      source.addEventListener(name, ({ data }: MessageEvent<string>) => {
        if (name === "sample") this.heard();
        this.onEvent({ name, data: JSON.parse(data) } as StreamEvent);
      });
    }
    source.addEventListener("error", () => void this.broken());
  }

  stop(): void {
    this.pause();
    this.isWanted = false;
  }

  private pause(): void {
    this.turn++;
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  private heard(): void {
    this.expectSample();
    this.onPulse({ state: "live" });
  }

  private expectSample(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.broken(), silenceMsMax);
  }

  /** EventSource does not say why it failed, so the node is asked. */
  private async broken(): Promise<void> {
    if (this.source === null) return;
    this.pause();
    const { turn } = this;
    const why = await this.reason();
    if (this.turn !== turn) return; // it was started or stopped meanwhile
    if (why instanceof ApiError && (why.status === 401 || why.status === 403)) {
      this.onPulse({ state: "refused", why: sentenceOf(why) });
      return;
    }
    const text = why === null ? "The stream of samples has ended." : sentenceOf(why);
    this.onPulse({ state: "lost", why: text });
    this.timer = setTimeout(() => this.start(), retryMs);
  }

  private async reason(): Promise<unknown> {
    try {
      await this.api.info("modules");
      return null;
    } catch (error) {
      return error;
    }
  }
}
