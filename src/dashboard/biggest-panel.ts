// The longest values in a sample of the items, for which the node walks over its store. A walk
// costs the node work, so the panel asks only twice a minute.

import type { BiggestList } from "../node/admin/observations.ts";
import { bytes, counted, percent } from "./figures.ts";
import { type KeyOpener, keyList } from "./key-link.ts";
import type { NodeApi } from "./node-api.ts";
import { Panel } from "./panel.ts";

export class BiggestPanel {
  readonly panel = new Panel({ title: "Biggest values", name: "biggest" });
  private readonly open: KeyOpener;

  constructor(open: KeyOpener) {
    this.open = open;
  }

  async refresh(api: NodeApi): Promise<void> {
    const told = (await api.json("/v1/observe/biggest?count=8")) as BiggestList;
    const { values, looked, share } = told;
    const found = share === 1 ? "all" : `a sample, ${percent(share)}`;
    this.panel.remark(values.length === 0 ? "" : `of ${counted(looked, "item")}, ${found}`);
    if (values.length === 0) {
      this.panel.say("No items yet. SET greeting hello in the console makes the first.");
      return;
    }
    const rows = values.map(({ key, valueBytes }) => ({
      key,
      share: valueBytes / Math.max(1, values[0].valueBytes),
      figures: bytes(valueBytes),
    }));
    this.panel.show(keyList("Biggest values", rows, this.open));
  }
}
