// The view of everything at a glance: cards and panels that the stream feeds, and panels that ask
// every few seconds while they are seen. A panel whose content the user may not see says so, and
// the others go on.

import type { StreamEvent } from "../node/admin/observations.ts";
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
  private readonly cards = new OverviewCards();
  private readonly commands = new LatencyPanel();
  private readonly replication = new ReplicationPanel();
  private readonly threads = new ThreadsPanel();
  private readonly curve = new CurvePanel();
  private readonly polls: ReadonlyMap<Element, Polling>;

  constructor(api: NodeApi, open: KeyOpener) {
    const askings = askingsOf(api, open);
    this.root.append(
      ...this.cards.roots,
      ...[this.commands, this.replication, this.threads].map(({ panel }) => panel.root),
      ...askings.map(({ panel }) => panel.root),
      this.curve.panel.root,
    );
    for (const panel of this.fed) panel.say("Asking the node …");
    this.polls = new Map(askings.map((asking) => [asking.panel.root, this.pollOf(asking)]));
    const watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries)
        this.polls.get(target)?.seen(isIntersecting);
    });
    for (const root of this.polls.keys()) watcher.observe(root);
  }

  /** The panels of the stream. */
  private get fed(): Panel[] {
    return [this.commands, this.replication, this.threads, this.curve].map(({ panel }) => panel);
  }

  private pollOf({ panel, everySeconds, ask }: Asking): Polling {
    panel.say("Asking the node …");
    return new Polling({
      everyMs: everySeconds * 1000,
      isWanted: () => this.mayChange(panel),
      ask,
      failed: (error) => panel.say(sentenceOf(error), true),
    });
  }

  /** A panel that the keyboard is in keeps its content. */
  private mayChange(panel: Panel): boolean {
    return !this.root.hidden && !panel.body.contains(document.activeElement);
  }

  start(): void {
    for (const poll of this.polls.values()) poll.start();
  }

  stop(): void {
    for (const poll of this.polls.values()) poll.stop();
  }

  /** It is seen again. */
  refresh(): void {
    for (const poll of this.polls.values()) void poll.ifDue();
  }

  /** Samples count while the view is not seen, too: its charts have no hole then. */
  update(event: StreamEvent): void {
    if (event.name === "sample") this.cards.update(event.data);
    else this.updateList(event);
  }

  private updateList(event: Exclude<StreamEvent, { name: "sample" }>): void {
    const { commands, replication, threads, curve } = this;
    const of = { commands, replication, threads, "miss-curve": curve };
    if (!this.mayChange(of[event.name].panel)) return;
    if (event.name === "commands") commands.update(event.data);
    else if (event.name === "replication") replication.update(event.data);
    else if (event.name === "threads") threads.update(event.data);
    else curve.update(event.data);
  }

  /** The node does not give the stream to this user. */
  refused(why: string): void {
    for (const panel of this.fed) panel.say(why, true);
  }

  recolor(): void {
    this.cards.recolor();
  }
}

/** A look at keys asks more of a node than the others. */
function askingsOf(api: NodeApi, open: KeyOpener): readonly Asking[] {
  const ask = (part: { readonly panel: Panel; refresh(api: NodeApi): Promise<void> }) => {
    return (everySeconds: number): Asking => {
      return { panel: part.panel, everySeconds, ask: () => part.refresh(api) };
    };
  };
  return [
    ask(new HottestPanel(open))(15),
    ask(new BiggestPanel(open))(60),
    ask(new SlowPanel())(10),
    ask(new ClientsPanel())(10),
  ];
}
