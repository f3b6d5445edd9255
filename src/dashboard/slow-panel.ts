// The commands of the slow log, newest first. The node's option says what is slow. It changes
// nothing: SLOWLOG RESET is for the console.

import type { SlowList } from "../node/admin/observations.ts";
import { DataTable } from "./data-table.ts";
import { clockTime, micros, whole } from "./figures.ts";
import { lineOfJson } from "./key-bytes.ts";
import type { NodeApi } from "./node-api.ts";
import { Panel } from "./panel.ts";

export class SlowPanel {
  readonly panel = new Panel({ title: "Slow commands", name: "slow" });
  private readonly table = new DataTable("Slow commands", [
    { title: "At" },
    { title: "Took", isNumber: true },
    { title: "Command", isCode: true, isRest: true },
  ]);

  async refresh(api: NodeApi): Promise<void> {
    const { total, entries } = (await api.json("/v1/observe/slow?count=8")) as SlowList;
    if (entries.length === 0) {
      this.panel.remark("");
      this.panel.say("No command was slow. CONFIG SET slowlog-log-slower-than says what slow is.");
      return;
    }
    this.panel.remark(`${whole(total)} in the log`);
    this.table.fill(
      entries.map(({ atMs, usec, command }) => [
        clockTime(atMs / 1000),
        micros(usec),
        command.map(lineOfJson).join(" "),
      ]),
    );
    this.panel.show(this.table.root);
  }
}
