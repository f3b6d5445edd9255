// The view of everything at a glance: cards fed by the stream, panels that ask every few seconds
// while they are seen. A panel whose content the user may not see says so, and the others go on.

import type { Sample } from "../node/admin/observations.ts";
import { BiggestPanel } from "./biggest-panel.ts";
import { ClientsPanel } from "./clients-panel.ts";
import { CurvePanel } from "./curve-panel.ts";
import { el } from "./dom.ts";
import { HottestPanel } from "./hottest-panel.ts";
import type { KeyOpener } from "./key-link.ts";
import { LatencyPanel } from "./latency-panel.ts";
import { type NodeApi, sentenceOf } from "./node-api.ts";
import { OverviewCards } from "./overview-cards.ts";
import type { Panel } from "./panel.ts";
import { Polling } from "./polling.ts";
import { ReplicationPanel } from "./replication-panel.ts";
import { SlowPanel } from "./slow-panel.ts";
import { ThreadsPanel } from "./threads-panel.ts";

interface Asking {
  readonly panel: Panel;
  readonly everySeconds: number;
  readonly ask: () => Promise<void>;
}

export class Overview {
  readonly root = el("div", { class: "view grid" });
  private readonly api: NodeApi;
  private readonly cards = new OverviewCards();
  private readonly polls: readonly Polling[];

  constructor(api: NodeApi, open: KeyOpener) {
    this.api = api;
    const askings = this.askings(open);
    this.root.append(...this.cards.roots, ...askings.map(({ panel }) => panel.root));
    this.polls = askings.map((asking) => this.pollOf(asking));
  }

  private askings(open: KeyOpener): readonly Asking[] {
    const { api } = this;
    const ask = (part: { readonly panel: Panel; refresh(api: NodeApi): Promise<void> }) => {
      return (everySeconds: number): Asking => {
        return { panel: part.panel, everySeconds, ask: () => part.refresh(api) };
      };
    };
    return [
      ask(new LatencyPanel())(2),
      ask(new ReplicationPanel())(2),
      ask(new ThreadsPanel())(2),
      ask(new HottestPanel(open))(10),
      ask(new BiggestPanel(open))(30),
      ask(new SlowPanel())(5),
      ask(new ClientsPanel())(5),
      ask(new CurvePanel())(5),
    ];
  }

  /** A panel that the keyboard is in keeps its content. */
  private pollOf({ panel, everySeconds, ask }: Asking): Polling {
    panel.say("Asking the node …");
    return new Polling({
      everyMs: everySeconds * 1000,
      isWanted: () => !this.root.hidden && !panel.body.contains(document.activeElement),
      ask,
      failed: (error) => panel.say(sentenceOf(error), true),
    });
  }

  start(): void {
    for (const poll of this.polls) poll.start();
  }

  stop(): void {
    for (const poll of this.polls) poll.stop();
  }

  /** It is seen again. */
  refresh(): void {
    for (const poll of this.polls) void poll.now();
  }

  update(sample: Sample): void {
    this.cards.update(sample);
  }

  recolor(): void {
    this.cards.recolor();
  }
}
