/**
 * The way to a leader by its name: the name is asked for anew at each connection, and each of its
 * addresses is tried. Names are made up; the leaders are listeners on the two loopback addresses.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { TlsLink } from "../../../src/base/tls-link.ts";
import { Garbage } from "../../../src/replication/collection.ts";
import { Dials, LeaderConnection } from "../../../src/replication/follower/leader-connection.ts";
import { temporaryDirectory, waitFor } from "../../harness.ts";
import { Authority } from "../../support/certificates.ts";

/** Listeners on one port of both loopback addresses, and where connections came in. */
class Leaders implements Disposable {
  readonly reached: string[] = [];
  readonly port: number;
  private readonly listeners: Bun.TCPSocketListener[] = [];

  constructor(hosts: readonly string[]) {
    let port = 0;
    for (const hostname of hosts) {
      const open = () => void this.reached.push(hostname);
      const listener = Bun.listen({ hostname, port, socket: { open, data() {} } });
      port = listener.port;
      this.listeners.push(listener);
    }
    this.port = port;
  }

  [Symbol.dispose](): void {
    for (const listener of this.listeners) listener.stop(true);
  }
}

/** A connection's end, or "" while it goes on. */
function connect(
  port: number,
  lookup: () => Promise<string[]>,
  dials = new Dials(),
  tls: TlsLink | null = null,
) {
  const seen = { opened: 0, ends: [] as string[] };
  const events = {
    opened: () => void seen.opened++,
    received: () => undefined,
    closed: (reason: string) => void seen.ends.push(reason),
  };
  const connection = new LeaderConnection(events, dials, new Garbage());
  connection.open("leader", port, { lookup, tls });
  return { connection, seen };
}

describe("a connection to a leader", () => {
  test("goes to the address that its name has now", async () => {
    using leaders = new Leaders(["127.0.0.1", "::1"]);
    let address = "127.0.0.1";
    const lookup = async () => [address];
    const first = connect(leaders.port, lookup);
    await waitFor(() => leaders.reached.length === 1);
    first.connection.close();
    address = "::1";
    const second = connect(leaders.port, lookup);
    await waitFor(() => leaders.reached.length === 2);
    second.connection.close();
    expect(leaders.reached).toEqual(["127.0.0.1", "::1"]);
  });

  test("goes to the next address where one refuses, and opens once", async () => {
    using leaders = new Leaders(["::1"]);
    const { connection, seen } = connect(leaders.port, async () => ["127.0.0.1", "::1"]);
    await waitFor(() => seen.opened === 1);
    expect(seen).toEqual({ opened: 1, ends: [] });
    connection.close();
  });

  test("ends once, with a reason, where no address answers or there is none", async () => {
    using leaders = new Leaders(["127.0.0.1"]);
    const { port } = leaders;
    leaders[Symbol.dispose]();
    const refused = connect(port, async () => ["127.0.0.1", "::1"]);
    await waitFor(() => refused.seen.ends.length > 0);
    const unknown = connect(port, () => Promise.reject(new Error("getaddrinfo ENOTFOUND")));
    await waitFor(() => unknown.seen.ends.length > 0);
    expect(unknown.seen.ends).toEqual(["getaddrinfo ENOTFOUND"]);
    expect(refused.seen).toMatchObject({ opened: 0, ends: [expect.stringMatching(/connect/i)] });
  });

  test("is not tried while many attempts of the node are under way, which it counts", async () => {
    using leaders = new Leaders(["127.0.0.1"]);
    const dials = new Dials();
    const others = Promise.withResolvers<void>();
    while (dials.hasRoom) dials.connect(() => others.promise);
    const surplus = connect(leaders.port, async () => ["127.0.0.1"], dials);
    await waitFor(() => surplus.seen.ends.length > 0);
    expect(surplus.seen).toEqual({ opened: 0, ends: ["64 connections are still being opened"] });
    others.resolve();
    await waitFor(() => dials.underWay === 0);
    const { connection, seen } = connect(leaders.port, async () => ["127.0.0.1"], dials);
    await waitFor(() => seen.opened === 1);
    await waitFor(() => dials.underWay === 0);
    connection.close();
  });

  test("ends once when the leader closes it", async () => {
    using leaders = new Leaders(["127.0.0.1"]);
    const { seen } = connect(leaders.port, async () => ["127.0.0.1"]);
    await waitFor(() => seen.opened === 1);
    leaders[Symbol.dispose]();
    await waitFor(() => seen.ends.length > 0);
    expect(seen.ends).toEqual(["it closed the connection"]);
  });

  test("by TLS tells the name that it wants, and trusts whom its authority has signed", async () => {
    await using directory = await temporaryDirectory();
    const authority = new Authority(directory.path);
    const { cert, key } = await authority.issue("leader", { names: "DNS:other.example" });
    const names: string[] = [];
    using leader = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: readFileSync(cert), key: readFileSync(key) },
      socket: {
        open: () => undefined,
        handshake: (socket) => void names.push(socket.getServername()),
        data() {},
      },
    });
    const tls = { secureOptions: 0, ca: readFileSync(authority.cert, "utf8") };
    const { connection, seen } = connect(leader.port, async () => ["127.0.0.1"], new Dials(), tls);
    await waitFor(() => seen.opened === 1 && names.length === 1);
    expect([names, seen.ends]).toEqual([["leader"], []]);
    connection.close();
    leader.stop(true);
  });
});
