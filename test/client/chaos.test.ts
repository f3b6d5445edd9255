// Clients among nodes that do anything at any time: reply late, tear replies, fall silent, cut,
// refuse, send garbage, name each other as leaders. In every case each request settles with its own
// value or an MSCacheError, close() ends, and no connection stays open. The other files test the
// effect of each single event; this one finds unforeseen orders of events. The seed is printed, and
// taken from MSCACHE_CHAOS_SEED; it repeats the choices, not the exact order.

import { expect, test } from "bun:test";
import { type Client, type ConnectOptions, connect, MSCacheError } from "../../src/index.ts";
import { waitFor } from "../harness.ts";
import { numberFromEnvironment, Random, seedFor } from "../support/seed.ts";
import {
  followerGreeting,
  followerOf,
  leaderGreeting,
  leaderRole,
  type Peer,
  readOnly,
  type Script,
  ScriptedNode,
} from "./scripted-node.ts";

const clientCount = 16;
const stepCount = 40;
const requestTimeoutMs = 40;

/** What a node does instead of replying. It never writes a whole reply. */
const misdeeds: Readonly<Record<string, (peer: Peer, answer: string) => void>> = {
  silence: () => undefined,
  cut: (peer) => void peer.socket.terminate(),
  leave: (peer) => void peer.socket.end(),
  halfClose: (peer) => void peer.socket.shutdown(),
  tear: (peer, answer) => {
    peer.socket.write(answer.slice(0, answer.length / 2));
    peer.socket.end();
  },
  garbage: (peer) => void peer.socket.write("@garbage\r\n"),
};

/** A node whose replies are right, late or absent, and whose role changes with each ROLE. */
function unruly(random: Random, nodes: readonly ScriptedNode[]): Script {
  const answerTo = (command: string): string => {
    const [verb, key = ""] = command.split(" ");
    if (random.chance(0.05)) return "-ERR not now\r\n";
    if (random.chance(0.05)) return `>1\r\n+news\r\n${answerTo(command)}`;
    if (verb === "HELLO") return random.pick([leaderGreeting, followerGreeting]);
    if (verb === "GET") return `$${key.length}\r\n${key}\r\n`;
    if (verb === "MGET") return `*1\r\n$${key.length}\r\n${key}\r\n`;
    if (verb === "ROLE") {
      const named = random.chance(0.1) ? { port: random.pick([0, 1, 70_000]) } : random.pick(nodes);
      return random.chance(0.5) ? leaderRole : followerOf(named);
    }
    return random.chance(0.2) ? readOnly : verb === "SET" ? "+OK\r\n" : ":1\r\n";
  };
  // After misbehaving, a peer stays silent, or a reply would reach the wrong request.
  const mute = new WeakSet<Peer>();
  return (command, peer) => {
    if (mute.has(peer)) return "";
    const answer = answerTo(command);
    if (random.chance(0.04)) {
      mute.add(peer);
      misdeeds[random.pick(Object.keys(misdeeds))](peer, answer);
    } else if (command.startsWith("HELLO") && random.chance(0.1)) return `${answer}+OK\r\n`;
    // A late reply within a pipeline would reach another request, so only logins are slow.
    else if (!command.startsWith("HELLO") || random.chance(0.8)) return answer;
    else setTimeout(() => peer.socket.write(answer), random.below(2 * requestTimeoutMs));
    return "";
  };
}

/** A request and the value that it must have if it succeeds. */
function request(client: Client, random: Random, key: string): [Promise<unknown>, unknown] {
  return random.pick<() => [Promise<unknown>, unknown]>([
    () => [client.get(key), key],
    () => [client.mget([key]), [key]],
    () => [client.set(key, "v".repeat(random.below(2) * 100_000)), true],
    () => [client.incr(key), 1],
    () => [client.delete(key), true],
  ])();
}

/** One node, or several with the same one now and then. */
function addressesFor(random: Random, nodes: readonly ScriptedNode[]): string[] {
  const count = random.pick([1, 1, 2, 3]);
  return Array.from({ length: count }, () => random.pick(nodes).addr);
}

function optionsFor(random: Random): ConnectOptions {
  const maxAttempts = random.pick([Number.POSITIVE_INFINITY, 3, 0]);
  return {
    requestTimeoutMs,
    connectTimeoutMs: requestTimeoutMs,
    reconnect: { minDelayMs: 1, maxDelayMs: 8, maxAttempts },
    maxPending: random.pick([3, 1_000]),
  };
}

/** The life of one client; ends when all its requests have settled and it is closed. */
async function live(random: Random, nodes: readonly ScriptedNode[]): Promise<void> {
  const client = await connect(addressesFor(random, nodes), optionsFor(random)).catch(expectOurs);
  if (client === undefined) return;
  const requests: Promise<void>[] = [];
  const stopAt = random.below(stepCount);
  for (let step = 0; step < stopAt; step++) {
    const [promise, value] = request(client, random, `key:${step}`);
    requests.push(promise.then((result) => expect(result).toEqual(value), expectOurs));
    // Gives the nodes time to act. The seed decides what happens, so there is no event to wait for.
    if (random.chance(0.3)) await Bun.sleep(random.below(10));
  }
  const closed = client.close();
  const [late] = request(client, random, "late");
  requests.push(late.then(() => expect.unreachable("a request after close()"), expectOurs));
  await Promise.all([closed, ...requests]);
}

function expectOurs(error: unknown): undefined {
  if (!(error instanceof MSCacheError)) throw error;
}

test("every request settles and no connection is left, whatever the nodes do", async () => {
  const seed = seedFor("MSCACHE_CHAOS_SEED");
  const rounds = numberFromEnvironment("MSCACHE_CHAOS_ROUNDS", 4);
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round);
    const nodes: ScriptedNode[] = [];
    const script = unruly(random, nodes);
    await using first = new ScriptedNode(script);
    await using second = new ScriptedNode(script);
    await using third = new ScriptedNode(script);
    nodes.push(first, second, third);
    const lives = Array.from({ length: clientCount }, () => live(random, nodes));
    const settled = Promise.all(lives).then(() => true);
    let isDone = false;
    void settled.then(() => {
      isDone = true;
    });
    const timeoutMs = 60_000;
    await waitFor(() => isDone, { timeoutMs, message: `all requests of round ${round}` });
    const peers = nodes.flatMap((node) => node.peers);
    await waitFor(() => peers.every((peer) => peer.isClosed), { timeoutMs, message: "the end" });
  }
}, 180_000);
