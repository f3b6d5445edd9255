/**
 * Runs the same random scripts on two servers and compares what they reply, and after each batch
 * the whole keyspace of both and of a follower of the second. Some batches are functions: each
 * script is the only one of a library, which is loaded and called.
 * Invariant: each batch begins with empty servers, so a difference says nothing about a later one.
 */
import { waitFor } from "../harness.ts";
import type { Peer } from "../support/peer.ts";
import type { Random } from "../support/seed.ts";
import { partsOf, type Reply, show, textOf } from "../support/wire.ts";
import { keyNames } from "./random-commands.ts";
import { randomScript } from "./random-scripts.ts";

const batchScripts = 40;
const differencesMax = 10;
const functionsShare = 0.25;
const contextChars = 70;
const tailChars = 160;
/** The names of keys, one character a byte: they are written as Lua escapes them. */
const keys = keyNames.map((name) => name.replace("\\0", "\0").replace("\\255", "\xff"));

export class ScriptJudge {
  readonly differences: string[] = [];
  private readonly reference: Peer;
  private readonly judged: Peer;
  private readonly follower: Peer;
  private readonly isResp3: boolean;

  constructor(reference: Peer, judged: Peer, follower: Peer, isResp3: boolean) {
    this.reference = reference;
    this.judged = judged;
    this.follower = follower;
    this.isResp3 = isResp3;
  }

  async run(random: Random, count: number): Promise<void> {
    for (let done = 0; done < count && this.differences.length < differencesMax; ) {
      const scripts = Array.from({ length: Math.min(batchScripts, count - done) }, () => {
        return randomScript(random, { commands: random.chance(0.6), isResp3: this.isResp3 });
      });
      await this.batch(scripts, random.chance(functionsShare));
      done += scripts.length;
    }
  }

  private async batch(scripts: readonly string[], asFunctions: boolean): Promise<void> {
    const commands = [["FLUSHALL"], ["FUNCTION", "FLUSH"]];
    const first = commands.length;
    for (const [i, script] of scripts.entries()) {
      const given = [String(keys.length), ...keys, "argument", "7"];
      if (!asFunctions) commands.push(["EVAL", script, ...given]);
      else commands.push(["FUNCTION", "LOAD", libraryOf(script, i)], ["FCALL", `f${i}`, ...given]);
    }
    const [left, right] = await Promise.all([
      this.replies(this.reference, "redis", commands),
      this.replies(this.judged, "ours", commands),
    ]);
    for (let i = first; i < commands.length; i++) {
      const [a, b] = [show(left[i] as Reply), show(right[i] as Reply)];
      const script = scripts[Math.floor((i - first) / (asFunctions ? 2 : 1))] as string;
      if (a !== b) this.report(asFunctions ? `as a function:\n${script}` : script, a, b);
    }
    await this.compareData(scripts);
  }

  private async replies(peer: Peer, name: string, commands: readonly string[][]): Promise<Reply[]> {
    for (const words of commands) peer.send(...words.map((word) => Buffer.from(word, "latin1")));
    const replies: Reply[] = [];
    try {
      while (replies.length < commands.length) replies.push(await peer.reply());
    } catch (cause) {
      throw new Error(`${name} ended with: ${commands[replies.length]}`, { cause });
    }
    return replies;
  }

  private async compareData(scripts: readonly string[]): Promise<void> {
    const [left, right] = await Promise.all([dataOf(this.reference), dataOf(this.judged)]);
    if (left !== right) this.report(scripts.join("\n-- and then\n"), left, right);
    let copied = "";
    const isEqual = async () => {
      copied = await dataOf(this.follower);
      return copied === right;
    };
    await waitFor(isEqual).catch(() => {
      this.report(`on the follower:\n${scripts.join("\n-- and then\n")}`, right, copied);
    });
  }

  /** The script without its prelude, and both results from shortly before they part. */
  private report(script: string, reference: string, judged: string): void {
    let same = 0;
    while (same < reference.length && reference[same] === judged[same]) same++;
    const part = (text: string) => text.slice(Math.max(0, same - contextChars), same + tailChars);
    const start = Math.max(0, script.indexOf("math.randomseed"));
    this.differences.push(
      `${script.slice(start)}\n  redis: ${part(reference)}\n  ours:  ${part(judged)}`,
    );
  }
}

/** A library with the script as its only function. */
function libraryOf(script: string, number: number): string {
  const code = `redis.register_function("f${number}", function(KEYS, ARGV) ${script}\nend)`;
  return `#!lua name=l${number}\n${code}`;
}

/** Every key with its value and its time, in order. */
async function dataOf(peer: Peer): Promise<string> {
  const names = partsOf(await peer.typed("KEYS", "*"))
    .map(textOf)
    .sort();
  const lines: string[] = [];
  for (const name of names) {
    const key = Buffer.from(name, "latin1");
    const value = show(await peer.typed("GET", key));
    lines.push(
      `${show({ type: "$", value: name })}=${value}@${show(await peer.typed("PEXPIRETIME", key))}`,
    );
  }
  return lines.join(" ");
}
