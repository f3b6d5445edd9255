// The newlines that a leader sends while it prepares a snapshot are skipped at little cost, in the
// handshake and before the snapshot, however many they are and wherever they are cut.

import { describe, expect, test } from "bun:test";
import { Handshake } from "../../../../src/replication/follower/handshake.ts";
import { SnapshotReceiver } from "../../../../src/replication/follower/snapshot-receiver.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const millions = new Uint8Array(1_000_000).fill(0x0a);

describe("ten million newlines", () => {
  test("in a handshake are no answers, and cost less than a second", () => {
    const sent: string[] = [];
    const options = { listeningPort: 1, announceIp: "", user: "", password: "", resume: null };
    const handshake = new Handshake({ ...options, isFailover: false }, (command) => {
      sent.push(command[0]);
    });
    handshake.push(bytes("+PONG\r\n+OK\r\n+OK\r\n"));
    const beganMs = performance.now();
    for (let i = 0; i < 10; i++) expect(handshake.push(millions)).toBe(millions.length);
    expect(performance.now() - beganMs).toBeLessThan(1000);
    expect(handshake.outcome).toBeNull();
    handshake.push(bytes(`\r\n\n+FULLRESYNC ${"a".repeat(40)} 7\r\n`));
    expect(handshake.outcome).toEqual({ kind: "full", replid: "a".repeat(40), offset: 7 });
  });

  test("before a snapshot are skipped, and cost less than a second", () => {
    let hasBegun = false;
    const receiver = new SnapshotReceiver({
      begin: () => {
        hasBegun = true;
      },
      select: () => undefined,
      put: () => true,
    });
    const beganMs = performance.now();
    for (let i = 0; i < 10; i++) expect(receiver.push(millions, 0)).toBe(millions.length);
    expect(performance.now() - beganMs).toBeLessThan(1000);
    expect(hasBegun).toBe(false);
    receiver.push(bytes("\n$10\r\nREDIS"), 0);
    expect(hasBegun).toBe(true);
    expect(receiver.totalBytes).toBe(10);
  });
});
