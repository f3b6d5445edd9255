/**
 * An uninvolved client: it keeps setting, reading and counting, and checks every reply, while a
 * test abuses the same server from other connections. Does not retry or reconnect: it notices a
 * single wrong reply or a lost connection.
 * Invariant: `noticedNothing` resolves only after it has done work that began after the call.
 */
import { Peer } from "./peer.ts";

const roundMsMax = 5_000;

export class Bystander implements AsyncDisposable {
  private readonly peer: Peer;
  private readonly key: string;
  private isWorking = true;
  private rounds = 0;
  private readonly work: Promise<string>;

  private constructor(peer: Peer, key: string) {
    this.peer = peer;
    this.key = key;
    this.work = this.keepWorking();
  }

  static async start(port: number, key = "bystander"): Promise<Bystander> {
    const peer = await Peer.connect(port);
    await peer.ask("DEL", `${key}:count`);
    return new Bystander(peer, key);
  }

  /** Fails with what it noticed, if it noticed anything. */
  async noticedNothing(): Promise<void> {
    const from = this.rounds;
    const deadline = performance.now() + roundMsMax;
    while (this.rounds < from + 2) {
      // A millisecond of the rounds' own time between two looks.
      const complaint = await Promise.race([this.work, Bun.sleep(1).then(() => "")]);
      if (complaint !== "") throw new Error(`a bystander noticed: ${complaint}`);
      if (performance.now() > deadline) throw new Error("a bystander got no answer any more");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isWorking = false;
    await this.work;
    await this.peer[Symbol.asyncDispose]();
  }

  /** Works until it is told to stop (and returns nothing) or something is wrong (and says what). */
  private async keepWorking(): Promise<string> {
    try {
      while (this.isWorking) {
        const complaint = await this.round();
        if (complaint !== "") return complaint;
        this.rounds++;
        await Bun.sleep(5); // real time for the others: a bystander is no load
      }
      return "";
    } catch (error) {
      return String(error);
    }
  }

  private async round(): Promise<string> {
    const round = this.rounds + 1;
    const steps: [string, string][] = [
      [await this.peer.ask("SET", this.key, `value ${round}`), "+OK"],
      [await this.peer.ask("GET", this.key), `$value ${round}`],
      [await this.peer.ask("INCR", `${this.key}:count`), `:${round}`],
    ];
    const wrong = steps.find(([got, wanted]) => got !== wanted);
    return wrong === undefined ? "" : `${wrong[0]} where ${wrong[1]} was right`;
  }
}
