// GET /v1/observe/...: lists for a dashboard that INFO and /v1/events do not have. Each is an
// object with the moment, how much there is or was looked at, and rows. Whoever may run the command
// that a list stands for may have the list: it runs that command. This file knows which path is
// whose, and the bounds of its parameters.

import { wallClockMs } from "../../base/clock.ts";
import { adminRowsMax, adminWalkItemsMax } from "../../base/limits.ts";
import type { Word } from "../../protocol/resp/command-bytes.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { AdminParts } from "./admin-parts.ts";
import { json, problem } from "./admin-response.ts";
import type { DoorConnection } from "./command-door.ts";
import { HotKeys } from "./hot-keys.ts";
import type {
  BiggestList,
  ClientList,
  CurveReport,
  HottestList,
  ReplicationTree,
  SlowList,
  ThreadList,
} from "./observations.ts";
import { biggestValues, hottestKeys, type Wanted } from "./observed-keys.ts";
import { clientRows, curveReport, replicationTree, slowRows, threadList } from "./observed-rows.ts";
import { errorResponse } from "./reply-json.ts";

type Observation<List> = (door: DoorConnection, wanted: Wanted) => Promise<List>;

interface Lists {
  readonly slow: SlowList;
  readonly clients: ClientList;
  readonly hottest: HottestList;
  readonly biggest: BiggestList;
  readonly replication: ReplicationTree;
  readonly "miss-curve": CurveReport;
  readonly threads: ThreadList;
}

/** The node has refused a command that a list needs. */
class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly reply: ReplyError;

  constructor(reply: ReplyError) {
    super(reply.text);
    this.reply = reply;
  }
}

const countDefault = 100;
const itemsDefault = adminWalkItemsMax / 10;

export class ObserveApi {
  private readonly parts: AdminParts;
  private readonly hotKeys: HotKeys;

  constructor(parts: AdminParts) {
    this.parts = parts;
    this.hotKeys = new HotKeys(parts.monitors);
  }

  private readonly lists: { readonly [Name in keyof Lists]: Observation<Lists[Name]> } = {
    slow: async (door, { count }) => {
      const entries = await ask(door, "SLOWLOG", "GET", String(count));
      return { total: Number(await ask(door, "SLOWLOG", "LEN")), entries: slowRows(entries) };
    },
    clients: async (door, { count }) => {
      const rows = clientRows(await ask(door, "CLIENT", "LIST"));
      return { total: rows.length, clients: rows.slice(0, count) };
    },
    hottest: async (door, wanted) => {
      // Only whether it may: it counts as a MONITOR that ends at once.
      const [reply] = await door.runAll([["MONITOR"], ["RESET"]]);
      checked(reply);
      return hottestKeys(await this.hotKeys.look(), wanted);
    },
    biggest: async (door, wanted) => {
      await ask(door, "SCAN", "0", "COUNT", "1");
      return biggestValues(this.parts.store, door, wanted);
    },
    replication: async (door) => {
      await ask(door, "INFO", "modules");
      return replicationTree(this.parts);
    },
    "miss-curve": async (door) => {
      await ask(door, "INFO", "modules");
      return curveReport(this.parts);
    },
    threads: async (door) => {
      await ask(door, "INFO", "modules");
      const { threads, uptimeMs } = await this.parts.information.glance();
      return threadList(threads, uptimeMs);
    },
  };

  async answer(door: DoorConnection, name: string, query: URLSearchParams): Promise<Response> {
    if (!Object.hasOwn(this.lists, name)) return problem(404, "there is nothing here");
    const list = this.lists[name as keyof Lists];
    const count = wholeIn(query, "count", countDefault, adminRowsMax);
    const items = wholeIn(query, "items", itemsDefault, adminWalkItemsMax);
    if (count === null) return problem(400, `count is a number from 1 to ${adminRowsMax}`);
    if (items === null) return problem(400, `items is a number from 1 to ${adminWalkItemsMax}`);
    const database = Number(query.get("db") ?? 0);
    try {
      const told = await list(door, { count, items, database });
      return json(200, { atMs: wallClockMs(), ...told });
    } catch (error) {
      if (error instanceof RefusedError) return errorResponse(error.reply);
      throw error;
    }
  }
}

function wholeIn(query: URLSearchParams, name: string, none: number, most: number): number | null {
  const text = query.get(name);
  if (text === null) return none;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= most ? value : null;
}

async function ask(door: DoorConnection, ...command: readonly Word[]): Promise<Reply> {
  return checked(await door.run(...command));
}

function checked(reply: Reply): Reply {
  if (reply instanceof ReplyError) throw new RefusedError(reply);
  return reply;
}
