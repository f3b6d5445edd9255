// What a follower and its leader tell each other beside the stream, if both are nodes of ours: the
// follower once a second of its own followers, if anything has changed, and the leader of the way
// up to the root. Nothing of it is in the journal, and nothing is told to a Redis.
// Invariant: what a leader told is forgotten with the link to it.

import { treeCapability } from "../../base/link.ts";
import { readWay, type ToldWay } from "./way-up.ts";

/** What is needed of the connection to the leader. */
interface Line {
  readonly unsentBytes: number;
  send(command: readonly string[]): void;
}

export class LeaderTalk {
  /** Null: it has told nothing, or is no node of ours. */
  told: ToldWay | null = null;
  /** Whether the leader of the present link is a node of ours. */
  isOn = false;
  private readonly report: () => string;
  private last = "";

  /** `report`: what there is to tell. */
  constructor(report: () => string) {
    this.report = report;
  }

  begin(isOurs: boolean): void {
    this.end();
    this.isOn = isOurs;
  }

  end(): void {
    this.isOn = false;
    this.told = null;
    this.last = "";
  }

  /** The last thing that the leader said counts, even if it cannot be understood. */
  hear(text: string): void {
    this.told = readWay(text);
  }

  /** Once a second. A leader that takes nothing is told when it does again. */
  tell(line: Line): void {
    if (!this.isOn || line.unsentBytes > 0) return;
    const text = this.report();
    if (text === this.last) return;
    this.last = text;
    line.send(["REPLCONF", treeCapability, text]);
  }
}
