/**
 * A data thread that takes half a second to store the value of the key "slow": it makes the file
 * that the value names, and only then goes on, with the lock of its shard, past the question
 * whether anybody wants to know of the change. A thread that stores its first value of all takes
 * some milliseconds for it. Otherwise it is the product's own code.
 */
import { writeFileSync } from "node:fs";
import { runWorker } from "../../src/node/threads/worker-server.ts";
import { Store } from "../../src/store/store.ts";

const storingMs = 500;
const { set } = Store.prototype;

Store.prototype.set = function slowSet(this: Store, key, start, end, value, ...rest): number {
  if (Buffer.from(key.slice(start, end)).toString() === "slow") {
    const [from, to] = rest;
    writeFileSync(Buffer.from(value.slice(from, to)).toString(), "");
    Bun.sleepSync(storingMs); // while a follower gets its snapshot
  }
  return set.call(this, key, start, end, value, ...rest);
};

runWorker();
