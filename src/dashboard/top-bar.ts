// The bar at the top: which node this is, and whether the page hears from it. When it does not, a
// notice says so, and since when the figures stand still.

import { wallClockMs } from "../base/clock.ts";
import { byId, setText } from "./dom.ts";
import { clockTime } from "./figures.ts";
import type { Pulse } from "./live-stream.ts";
import type { NodeApi } from "./node-api.ts";

export class TopBar {
  private readonly node = byId("node");
  private readonly pulse = byId("pulse");
  private readonly notice = byId("notice");
  private heardAtMs: number | null = null;

  get isLive(): boolean {
    return document.body.dataset.pulse === "live";
  }

  async askNode(api: NodeApi): Promise<void> {
    // A node that does not say it stays without a name here; the notice tells why.
    const info = await api.info("server").catch(() => null);
    if (info === null) return;
    const { server = {} } = info;
    const address = `${location.hostname}:${server.tcp_port}`;
    setText(this.node, `${address} · MSCache ${server.mscache_version}`);
    document.title = `${address} – MSCache`;
  }

  /** Null: nobody is logged in. */
  tellPulse(pulse: Pulse | null): void {
    const state = pulse?.state ?? "out";
    if (state === "live") this.heardAtMs = wallClockMs();
    document.body.dataset.pulse = state;
    setText(this.pulse, shortOf[state]);
    const text = this.noticeOf(pulse);
    // Between two tries the notice stays.
    if (text === null && state === "connecting") return;
    this.notice.hidden = text === null;
    setText(this.notice, text ?? "");
  }

  private noticeOf(pulse: Pulse | null): string | null {
    if (pulse?.state === "refused") return pulse.why;
    if (pulse?.state !== "lost") return null;
    if (this.heardAtMs === null) return `${pulse.why} Trying again.`;
    return `${pulse.why} The figures are of ${clockTime(this.heardAtMs / 1000)}. Trying again.`;
  }
}

const shortOf: Readonly<Record<Pulse["state"] | "out", string>> = {
  connecting: "Connecting",
  live: "Live",
  lost: "No answer",
  refused: "Refused",
  out: "",
};
