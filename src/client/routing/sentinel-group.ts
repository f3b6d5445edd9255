// Asks Redis Sentinels: who leads, and who follows. Each question goes to one after the other until
// one answers, over a connection of its own that is closed at once. Nothing is kept but which of
// them answered last.
// Invariant: a Sentinel is only asked; its answer is checked by whoever connects to the node.

import type { Place } from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import { ConnectError } from "../client-errors.ts";
import type { SentinelSettings } from "../client-options.ts";
import { Connection, type ConnectionOwner, rejectAll } from "../link/client-connection.ts";
import type { Ledger } from "../link/ledger.ts";
import type { Shape } from "../wire/client-request.ts";
import type { Command } from "../wire/command-writer.ts";

export class SentinelGroup {
  private readonly ledger: Ledger;
  private readonly settings: SentinelSettings;
  private readonly owner: ConnectionOwner;
  /** The index of the Sentinel that answered last. */
  private at = 0;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
    this.settings = ledger.settings.sentinel as SentinelSettings;
    this.owner = {
      lost: (_, cause, unsent) => rejectAll(ledger, unsent, cause),
      refused: (connection, request) =>
        ledger.drop(request, new ConnectError(connection.address, "it refuses")),
    };
  }

  /** The leader as each Sentinel names it, or why it names none. */
  async *leaders(): AsyncGenerator<Place | ConnectError> {
    const { leaderName } = this.settings;
    const command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", leaderName];
    yield* this.answers(command, leaderAddress, `it knows no "${leaderName}"`);
  }

  /** The followers that the first Sentinel that answers takes for usable. */
  async followers(): Promise<readonly Place[]> {
    const { leaderName } = this.settings;
    const command = ["SENTINEL", "REPLICAS", leaderName];
    let failure: ConnectError | null = null;
    for await (const answer of this.answers(command, followerAddresses, "no answer")) {
      if (!(answer instanceof ConnectError)) return answer;
      failure = answer;
    }
    throw failure;
  }

  // --- internal ---

  private async *answers<T>(
    command: Command,
    shape: Shape<T | "none">,
    absence: string,
  ): AsyncGenerator<T | ConnectError> {
    const { places } = this.ledger.settings;
    const first = this.at;
    for (let i = 0; i < places.length; i++) {
      const at = (first + i) % places.length;
      let answer: T | "none" | ConnectError;
      try {
        answer = await this.ask(places[at] as Place, command, shape, absence);
        this.at = at;
      } catch (cause) {
        answer = cause as ConnectError;
      }
      yield answer as T | ConnectError;
    }
  }

  private async ask<T>(
    place: Place,
    command: Command,
    shape: Shape<T | "none">,
    absence: string,
  ): Promise<T> {
    const { ledger, settings, owner } = this;
    const connection = await Connection.open(place, ledger, owner, {
      login: settings.login,
      database: 0,
    });
    try {
      const request = ledger.createOwn(command, shape);
      connection.send(request);
      const answer = await request.promise;
      if (answer !== "none") return answer;
    } catch (cause) {
      throw new ConnectError(connection.address, `as a Sentinel: ${reasonOf(cause)}`, cause);
    } finally {
      connection.close();
    }
    throw new ConnectError(connection.address, `as a Sentinel: ${absence}`);
  }
}

/** An address as ["host", "port"], or null for an unknown name. */
const leaderAddress: Shape<Place | "none"> = {
  expected: "an address",
  asBytes: false,
  read: (reply) => (reply === null ? "none" : Array.isArray(reply) ? placeOf(reply) : undefined),
};

/** A list with a map of fields for each follower. */
const followerAddresses: Shape<readonly Place[]> = {
  expected: "a list of followers",
  asBytes: false,
  read: (reply) => {
    if (!Array.isArray(reply)) return undefined;
    return reply.flatMap((fields) => {
      if (!(fields instanceof Map) || !isUsable(fields)) return [];
      return placeOf([fields.get("ip") ?? null, fields.get("port") ?? null]) ?? [];
    });
  },
};

function isUsable(fields: Map<Reply, Reply>): boolean {
  return fields.get("flags") === "slave" && fields.get("master-link-status") === "ok";
}

function placeOf([host, port]: readonly Reply[]): Place | undefined {
  if (typeof host !== "string" || host === "" || port instanceof ReplyError) return undefined;
  return { host, port: Number(port) };
}
