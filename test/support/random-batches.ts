/**
 * Batches of random commands, sent to a real redis-server and to a node of ours: every reply and,
 * after each batch, the whole keyspace must be equal. It draws nothing itself.
 * Invariant: it stops early only if there are enough differences to tell of.
 */
import { Judge, showDifference } from "./judge.ts";
import { Peer } from "./peer.ts";
import { type Contestant, oracle } from "./servers.ts";
import type { Argument } from "./wire.ts";

/** What differed, as a text; empty if nothing did. `draw` makes one batch. */
export async function differencesIn(
  batches: number,
  contestant: Contestant,
  draw: () => readonly Argument[][],
): Promise<string> {
  await using reference = await oracle.start();
  await using node = await contestant.start();
  await using left = await Peer.connect(reference.port);
  await using right = await Peer.connect(node.port);
  const judge = new Judge(left, right);
  for (let i = 0; i < batches && !judge.hasEnough; i++) {
    await judge.batch(draw().map((args) => ({ args, compare: "equal" })));
    await judge.compareKeyspaces();
  }
  return judge.differences.map(showDifference).join("\n\n");
}
