// The keys that clients name most often while the node looks for a moment: each time another
// sample.

import type { HottestList } from "../node/admin/observations.ts";
import { compact, counted } from "./figures.ts";
import { type KeyOpener, keyList } from "./key-link.ts";
import type { NodeApi } from "./node-api.ts";
import { Panel } from "./panel.ts";

export class HottestPanel {
  readonly panel = new Panel({ title: "Hottest keys", name: "hottest" });
  private readonly open: KeyOpener;

  constructor(open: KeyOpener) {
    this.open = open;
  }

  async refresh(api: NodeApi): Promise<void> {
    const told = (await api.json("/v1/observe/hottest?count=8")) as HottestList;
    const { keys, commands, lookedMs } = told;
    this.panel.remark(`in ${counted(commands, "command")}`);
    if (keys.length === 0) {
      this.panel.say(
        `In ${lookedMs} ms, no command named a key. Under load, the keys appear here.`,
      );
      return;
    }
    const rows = keys.map(({ key, times, perSecond }) => ({
      key,
      share: times / Math.max(1, keys[0].times),
      figures: `${compact(perSecond)}/s`,
    }));
    this.panel.show(keyList("Hottest keys", rows, this.open));
  }
}
