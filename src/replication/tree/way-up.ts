// The way from a follower up to the root leader, and the text with which a leader tells its
// followers of it: a line about the teller, then a line for each node above it, the nearest first.
//
//   1 <id> <whole|part>             whole: the last one named, or the teller, is the root leader
//   <up|down> <host> <port> <id>    up: the link to it; "-": the id is not known
//
// What is not exactly so is refused as a whole. Text that a leader sends costs at most the bounds.

import { isHost } from "../../base/address.ts";
import { wayBytesMax, wayNodesMax } from "../../base/limits.ts";

/** A node above this one, as the node that follows it calls it. */
export interface Ancestor {
  readonly host: string;
  readonly port: number;
  /** Whether the node below it has it. */
  readonly isUp: boolean;
  /** Empty if it is not known: it is no node of ours. */
  readonly id: string;
}

export interface WayUp {
  /** The nearest first. */
  readonly nodes: readonly Ancestor[];
  /** Whether the last of them is the root leader, as far as this node was told. */
  readonly isWhole: boolean;
}

/** What a leader tells: itself, and what is above it. */
export interface ToldWay extends WayUp {
  readonly id: string;
}

const none = "-";
const portMax = 65_535;
const head = /^1 ([0-9a-f]{16}) (whole|part)$/;
const line = /^(up|down) (\S{1,255}) (\d{1,5}) (-|[0-9a-f]{16})$/;

/** The way of a follower: its leader, then what that one tells. */
export function wayBy(leader: Omit<Ancestor, "id">, told: ToldWay | null): WayUp {
  const above = told?.nodes ?? [];
  const nodes = [{ ...leader, id: told?.id ?? "" }, ...above].slice(0, wayNodesMax);
  return { nodes, isWhole: told?.isWhole === true && nodes.length > above.length };
}

/** `way`: null for a leader, which is the root. */
export function wayText(id: string, way: WayUp | null): string {
  const lines = (way?.nodes ?? []).map(({ isUp, host, port, id: theirs }) => {
    return `${isUp ? "up" : "down"} ${host} ${port} ${theirs === "" ? none : theirs}`;
  });
  return [`1 ${id} ${way === null || way.isWhole ? "whole" : "part"}`, ...lines].join("\n");
}

/** Null for what is no such text. */
export function readWay(text: string): ToldWay | null {
  if (text.length > wayBytesMax) return null;
  const [first = "", ...lines] = text.split("\n");
  const [, id, extent] = head.exec(first) ?? [];
  if (id === undefined || lines.length > wayNodesMax) return null;
  const nodes = lines.map(readLine).filter((node) => node !== null);
  return nodes.length < lines.length ? null : { id, isWhole: extent === "whole", nodes };
}

// --- internal ---

function readLine(text: string): Ancestor | null {
  const [, state, host = "", port, id] = line.exec(text) ?? [];
  if (state === undefined || Number(port) > portMax || !isHost(host)) return null;
  return { host, port: Number(port), isUp: state === "up", id: id === none ? "" : `${id}` };
}
