// What a follower tells its leader of its own followers, as text: a line about the teller, then a
// line for each node, in the order of the tree, with its depth. It goes up once a second at most.
//
//   1 <id> <nodes left out>
//   <depth> <kind> <ip> <port> <state> <offset> <lag, bytes> <lag, seconds> <id>       "-": none
//
// The text comes from another machine: what is not exactly so is refused as a whole, and nothing of
// it is larger than the bounds.

import { isHost } from "../../base/address.ts";
import { treeDepthMax, treeNodesMax, treeReportBytesMax } from "../../base/limits.ts";
import { type Branch, type BranchKind, type Tree, trimmed } from "./branch.ts";

/** A report has a level less than the tree of the leader that gets it. */
const levelsMax = treeDepthMax - 1;
const numberMax = 999_999_999_999_999;
const portMax = 65_535;
const none = "-";
const head = /^1 ([0-9a-f]{16}) (\d{1,9})$/;
const line =
  /^(\d{1,2}) (ours|other|copy) (\S{1,255}) (\d{1,5}) ([a-z_]{1,20}) (\d{1,15}) (-|\d{1,15}) (-|\d{1,15}) (-|[0-9a-f]{16})$/;

/** What a follower has told. */
export interface TreeReport extends Tree {
  readonly id: string;
}

/** The first 64 bits of a run id are enough to tell nodes apart. */
export function shortId(runId: string): string {
  return runId.slice(0, 16);
}

export function reportText(id: string, tree: Tree): string {
  const { followers, leftOut } = trimmed(tree, treeNodesMax, levelsMax);
  const lines = [`1 ${id} ${leftOut}`];
  const add = (branches: readonly Branch[], depth: number): void => {
    for (const branch of branches) {
      lines.push(`${depth} ${lineOf(branch)}`);
      add(branch.followers, depth + 1);
    }
  };
  add(followers, 0);
  return lines.join("\n");
}

/** Null for what is not a report. */
export function readReport(text: string): TreeReport | null {
  if (text.length > treeReportBytesMax) return null;
  const [first = "", ...lines] = text.split("\n");
  const [, id, leftOut] = head.exec(first) ?? [];
  if (id === undefined || lines.length > treeNodesMax) return null;
  const followers: Growing[] = [];
  /** The lists to which the next line may belong, by its depth. */
  const open = [followers];
  for (const text of lines) {
    const [depth, branch] = readLine(text) ?? [levelsMax, null];
    if (branch === null || depth >= levelsMax || depth >= open.length) return null;
    open.length = depth + 1;
    open[depth].push(branch);
    open.push(branch.followers);
  }
  return { id, leftOut: Number(leftOut), followers };
}

// --- internal ---

type Growing = Branch & { readonly followers: Growing[] };

function lineOf({ kind, ip, port, state, offset, lagBytes, lagSeconds, id }: Branch): string {
  const address = `${isHost(ip) ? ip : none} ${digits(port, portMax)}`;
  const lags = `${orNone(lagBytes)} ${orNone(lagSeconds)}`;
  return `${kind} ${address} ${state} ${digits(offset)} ${lags} ${id === "" ? none : id}`;
}

/** A follower may announce and acknowledge any number. */
function digits(value: number, max = numberMax): number {
  return Number.isInteger(value) && value >= 0 && value <= max ? value : 0;
}

function orNone(value: number | null): number | string {
  return value === null ? none : digits(value);
}

function readLine(text: string): [depth: number, Growing] | null {
  const [, depth, kind, ip = "", port, state = "", offset, bytes, seconds, id] =
    line.exec(text) ?? [];
  if (depth === undefined || Number(port) > portMax || !isHost(ip)) return null;
  const branch = {
    kind: kind as BranchKind,
    ip,
    port: Number(port),
    state,
    offset: Number(offset),
    lagBytes: bytes === none ? null : Number(bytes),
    lagSeconds: seconds === none ? null : Number(seconds),
    id: id === none ? "" : `${id}`,
    followers: [],
  };
  return [Number(depth), branch];
}
