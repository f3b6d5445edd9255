/**
 * One number of INFO, as a connection that is open already asks for it. It neither connects nor
 * waits: a test that waits for a number asks again.
 */
import type { Peer } from "./peer.ts";

/** NaN if there is no such field, or it is no number. */
export async function infoNumber(peer: Peer, field: string): Promise<number> {
  const info = await peer.ask("INFO", "everything");
  return Number(new RegExp(`${field}:(\\d+)`).exec(info)?.[1] ?? Number.NaN);
}
