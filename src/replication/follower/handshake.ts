// The follower's half of the handshake: what it sends to its leader before data flow, and how it
// judges the answers. It is pure: bytes of the leader in, lines to send and an outcome out.
//
//   PING --any answer but a refusal--> AUTH and REPLCONF, sent together, answered in order
//   --last answer--> PSYNC --> full | continue | failed
//
// While the leader prepares its snapshot, it sends bare newlines: signs of life, not answers. A
// leader that does not know PSYNC (before Redis 2.8) is not followed: the old SYNC has no offsets.
// From redis 7.0 `replication.c`: syncWithMaster, slaveTryPartialResynchronization.

import { latin1 } from "../../base/bytes.ts";
import { lineBytesMax } from "../../base/limits.ts";
import { seekersCapability, treeCapability } from "../../base/link.ts";
import { refusalOf } from "../../base/reason.ts";
import { isReplid } from "../history.ts";
import { skipNewlines } from "./newlines.ts";

const LF = 0x0a;
const passwordRefused = "it refused the password";
/** Without a password, the command that needs one is refused. */
const unwelcome = /^it answered (PING|PSYNC) with -(NOAUTH|NOPERM|WRONGPASS)\b/;

export interface HandshakeOptions {
  readonly listeningPort: number;
  /** Nobody can follow or promote this follower: it has no port to announce, and says so. */
  readonly isCopy?: boolean;
  /** Empty: the leader takes the address that it sees. */
  readonly announceIp: string;
  /** Empty: the leader's user `default`. */
  readonly user: string;
  /** Empty, and no user: none. */
  readonly password: string;
  /** Itself and the nodes that wait for this one (seekers.ts). Absent: it tells nothing of them. */
  readonly seekers?: string | undefined;
  /** The point from which this node could resume: replid and offset of its journal. */
  readonly resume: { readonly replid: string; readonly offset: number } | null;
  /** Asks the other node, a follower that will be our leader, to promote itself. */
  readonly isFailover: boolean;
}

export type Outcome =
  | { readonly kind: "full"; readonly replid: string; readonly offset: number }
  /** `replid` is the leader's new name for the same history, if it has one. */
  | { readonly kind: "continue"; readonly replid: string | null }
  | { readonly kind: "failed"; readonly reason: string };

interface Step {
  readonly command: readonly string[];
  /** Null if the answer is acceptable, an outcome if it ends the handshake. */
  readonly judge: (answer: string) => Outcome | null;
}

/** Whether a link failed because the leader refused the login: no later attempt would mend it. */
export function isRefusal(reason: string): boolean {
  return reason.startsWith(passwordRefused) || unwelcome.test(reason);
}

export class Handshake {
  outcome: Outcome | null = null;
  /** It is a node of ours: it has repeated a capability that a Redis does not know. */
  isOurs = false;
  private readonly steps: Step[];
  private readonly send: (command: readonly string[]) => void;
  private answered = 0;
  private sent = 0;
  private line = "";

  constructor(options: HandshakeOptions, send: (command: readonly string[]) => void) {
    this.steps = stepsOf(options, () => {
      this.isOurs = true;
    });
    this.send = send;
    this.sendUpTo(1);
  }

  /** Takes the leader's bytes; returns where in the chunk the handshake ended, or its length. */
  push(chunk: Uint8Array): number {
    let start = 0;
    while (this.outcome === null) {
      if (this.line === "") start = skipNewlines(chunk, start);
      const end = chunk.indexOf(LF, start);
      this.line += latin1(chunk, start, end < 0 ? chunk.length : end);
      if (this.line.length > lineBytesMax) this.outcome = failed("its answer has no end");
      if (end < 0) return chunk.length;
      start = end + 1;
      const line = this.line.replace(/\r$/, "");
      this.line = "";
      if (line !== "") this.answer(line);
    }
    return start;
  }

  private answer(line: string): void {
    const steps = this.steps;
    this.outcome = steps[this.answered].judge(line);
    if (this.outcome !== null) return;
    this.answered++;
    // The middle steps are sent together; PSYNC waits for all their answers.
    if (this.answered === 1) this.sendUpTo(steps.length - 1);
    if (this.answered === steps.length - 1) this.sendUpTo(steps.length);
  }

  private sendUpTo(count: number): void {
    while (this.sent < count) this.send(this.steps[this.sent++].command);
  }
}

function stepsOf(options: HandshakeOptions, isOurs: () => void): Step[] {
  const { listeningPort, announceIp, user, password, resume, isFailover, isCopy } = options;
  const configure = (...words: string[]): Step => ({
    command: ["REPLCONF", ...words],
    judge: () => null, // a leader need not know an option
  });
  const steps: Step[] = [{ command: ["PING"], judge: judgePing }];
  const login = user === "" ? [password] : [user, password];
  const judge = (answer: string) => judgeAuth(answer, password);
  if (login.join("") !== "") steps.push({ command: ["AUTH", ...login], judge });
  if (!isCopy) steps.push(configure("listening-port", String(listeningPort)));
  if (announceIp !== "") steps.push(configure("ip-address", announceIp));
  const capabilities = ["eof", "psync2", isCopy ? "copy" : treeCapability];
  if (options.seekers !== undefined) capabilities.push(seekersCapability + options.seekers);
  steps.push({
    ...configure(...capabilities.flatMap((name) => ["capa", name])),
    judge: (answer) => {
      if (answer === `+OK ${treeCapability}`) isOurs();
      return null;
    },
  });
  const wanted = resume === null ? ["?", "-1"] : [resume.replid, String(resume.offset + 1)];
  const order = isFailover ? ["FAILOVER"] : [];
  steps.push({ command: ["PSYNC", ...wanted, ...order], judge: judgePsync });
  return steps;
}

/** A leader that requires a password says so here; AUTH follows. */
function judgePing(answer: string): Outcome | null {
  if (answer.startsWith("+")) return null;
  const isTolerated = /^-(NOAUTH|NOPERM|ERR operation not permitted)/.test(answer);
  return isTolerated ? null : failed(`it answered PING with ${answer}`);
}

function judgeAuth(answer: string, password: string): Outcome | null {
  if (answer.startsWith("+")) return null;
  return failed(`${passwordRefused}: ${refusalOf(answer, password)}`);
}

function judgePsync(answer: string): Outcome {
  const words = answer.split(" ");
  if (words[0] === "+CONTINUE") {
    const replid = words[1] ?? null;
    if (replid === null || isReplid(replid)) {
      return { kind: "continue", replid: replid?.toLowerCase() ?? null };
    }
  }
  if (words[0] === "+FULLRESYNC" && isReplid(words[1] ?? "") && /^\d{1,15}$/.test(words[2] ?? "")) {
    return { kind: "full", replid: words[1].toLowerCase(), offset: Number(words[2]) };
  }
  return failed(`it answered PSYNC with ${answer}`);
}

function failed(reason: string): Outcome {
  return { kind: "failed", reason };
}
