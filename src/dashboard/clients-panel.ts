// The clients that hold the most memory. How many there are is in their card; CLIENT LIST names all
// of them.

import type { ClientList } from "../node/admin/observations.ts";
import { DataTable } from "./data-table.ts";
import { bytes, duration, whole } from "./figures.ts";
import type { NodeApi } from "./node-api.ts";
import { Panel } from "./panel.ts";

const shown = 8;

export class ClientsPanel {
  readonly panel = new Panel({ title: "Largest clients", name: "clients" });
  private readonly table = new DataTable("Largest clients", [
    { title: "Address", isCode: true, isRest: true },
    { title: "Last command", isCode: true },
    { title: "Idle", isNumber: true },
    { title: "Memory", isNumber: true },
  ]);

  async refresh(api: NodeApi): Promise<void> {
    const told = (await api.json(`/v1/observe/clients?count=${shown}`)) as ClientList;
    const { total, clients } = told;
    this.panel.remark(`${Math.min(total, shown)} of ${whole(total)}, by memory`);
    this.table.fill(
      clients.map((client) => [
        `${client.addr}${client.name === "" ? "" : ` ${client.name}`}`,
        String(client.cmd).replace("|", " "),
        duration(Number(client.idle)),
        bytes(Number(client["tot-mem"])),
      ]),
    );
    this.panel.show(this.table.root);
  }
}
