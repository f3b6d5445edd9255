// Asks a leader where its history ends, again and again, over a connection of its own, and finds
// the leader of a group by Sentinels or among its nodes. The client's router does the search and
// moves with a failover. It follows nothing; what a sighting proves is judged by follow-link.ts.
// Invariant: one question at a time; the leader had the offset of a sighting after `askedMs`.

import type { Address } from "../base/address.ts";
import { monotonicMs } from "../base/clock.ts";
import { reasonOf } from "../base/reason.ts";
import { ServerError } from "../client/client-errors.ts";
import type { Settings } from "../client/client-options.ts";
import { Ledger } from "../client/link/ledger.ts";
import { isRefusedLogin } from "../client/link/refused-login.ts";
import { Router } from "../client/routing/router.ts";
import { text } from "../client/wire/shapes.ts";

/** What a leader said of itself. */
export interface Sighting {
  readonly address: Address;
  readonly replid: string;
  readonly offset: number;
  /** When it was asked. Monotonic. */
  readonly askedMs: number;
}

export interface ScoutEvents {
  saw(sighting: Sighting): void;
  /** A question was not answered as it should be; `isRefusal` if that is for want of rights. */
  failed(reason: string, isRefusal: boolean): void;
}

interface Party {
  readonly ledger: Ledger;
  readonly router: Router;
}

export class Scout {
  private readonly settings: Settings;
  private readonly everyMs: number;
  private readonly events: ScoutEvents;
  /** Null before the first connection, and when another leader must be looked for. */
  private party: Party | null = null;
  private timer: Timer | null = null;
  private isClosed = false;

  constructor(settings: Settings, everyMs: number, events: ScoutEvents) {
    this.settings = settings;
    this.everyMs = everyMs;
    this.events = events;
    void this.round();
  }

  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.leave();
  }

  private async round(): Promise<void> {
    const askedMs = monotonicMs();
    try {
      const sighting = await this.ask(askedMs);
      if (!this.isClosed) this.events.saw(sighting);
    } catch (error) {
      if (!this.isClosed) this.events.failed(reasonOf(error), isRefusal(error));
    }
    if (this.isClosed) return;
    const leftMs = askedMs + this.everyMs - monotonicMs();
    this.timer = setTimeout(() => void this.round(), Math.max(1, leftMs));
  }

  private async ask(askedMs: number): Promise<Sighting> {
    this.party ??= await this.join();
    const { router } = this.party;
    const answer = await router.read(["INFO", "replication"], text);
    const address = router.readPlace;
    const field = (name: string) => RegExp(`^${name}:(.*?)\r?$`, "m").exec(answer)?.[1] ?? "";
    const isFollower = field("role") === "slave";
    if (isFollower && this.settings.reads === "leader") {
      this.leave();
      throw new Error(`${address.host}:${address.port} leads no more`);
    }
    if (isFollower && field("master_link_status") !== "up") {
      throw new Error("the node that is followed has no link to its own leader");
    }
    const offset = Number(field("master_repl_offset") || Number.NaN);
    if (Number.isNaN(offset)) throw new Error("the leader does not tell its offset");
    return { address, replid: field("master_replid"), offset, askedMs };
  }

  private async join(): Promise<Party> {
    const ledger = new Ledger(this.settings);
    const router = new Router(ledger);
    try {
      await router.connect();
      if (this.isClosed) throw new Error("closed");
      return { ledger, router };
    } catch (error) {
      void ledger.close();
      throw error;
    }
  }

  private leave(): void {
    void this.party?.ledger.close();
    this.party = null;
  }
}

/** Every node that was asked refused the login, or one the question. */
function isRefusal(error: unknown): boolean {
  if (error instanceof ServerError) return ["NOAUTH", "NOPERM"].includes(error.serverCode);
  const { cause } = error as Error;
  const isOfMany = cause instanceof AggregateError && cause.errors.length > 0;
  return isOfMany ? cause.errors.every(isRefusedLogin) : isRefusedLogin(error);
}
