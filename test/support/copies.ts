/**
 * What the suites of copies in this process share: waiting until a copy has everything that its
 * leader has, and comparing the two key by key.
 * Invariant: a key that a copy does not know never passes as equal.
 */
import { expect } from "bun:test";
import type { LocalCopy } from "../../src/embed/copy-types.ts";
import { waitFor } from "../harness.ts";
import { replicationField } from "./line-ups.ts";
import type { Peer } from "./peer.ts";

const MiB = 1024 * 1024;

export const roomy = { maxMemory: 16 * MiB } as const;

/** Waits until the copy shows the leader's present history up to its present end. */
export async function inStep(copy: LocalCopy, port: number): Promise<void> {
  const caughtUp = async () => {
    const offset = Number(await replicationField(port, "master_repl_offset"));
    return copy.state === "connected" && copy.offset >= offset;
  };
  await waitFor(caughtUp, { message: "the copy to have everything" });
}

/** What the leader has under a key, as get() says it: null for what is no string. */
async function valueAt(peer: Peer, key: string): Promise<string | null> {
  const reply = await peer.typed("GET", key);
  return typeof reply.value === "string" && reply.type === "$" ? reply.value : null;
}

function bytesOf(value: Uint8Array | null | undefined): string | null | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}

/** As often as a string must be read to be kept: what get() kept is what it would read. */
const readsOfText = 20;

/** Compares these keys; returns those of which the copy knows nothing. */
export async function differ(
  copy: LocalCopy,
  peer: Peer,
  keys: readonly string[],
): Promise<string[]> {
  const unknown: string[] = [];
  for (const key of keys) {
    const bytes = copy.getBytes(key);
    const value = bytesOf(bytes);
    const text = bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : bytes;
    for (let i = 0; i < readsOfText; i++) {
      const read = copy.get(key);
      if (read !== text) expect([key, read]).toEqual([key, text]);
    }
    if (value === undefined) {
      unknown.push(key);
      continue;
    }
    expect([key, value]).toEqual([key, await valueAt(peer, key)]);
    if (value === null) continue;
    const left = Number(/-?\d+/.exec(await peer.ask("PTTL", key)));
    const ttl = copy.ttl(key) ?? Number.NaN;
    if (left === -1) expect([key, ttl]).toEqual([key, Number.POSITIVE_INFINITY]);
    else expect([key, Math.abs(ttl - left) < 60_000]).toEqual([key, true]);
  }
  return unknown;
}
