// A process with a client that exits by itself, or does not: lifecycle.test.ts starts it with a
// scenario and the address of a scripted node, and waits for its exit. It never calls
// process.exit(). Timeouts here are longer than that wait, so a timer that is left behind fails the
// test.

import { type ConnectOptions, connect } from "../../src/index.ts";

const long = 600_000;
const [scenario = "", addr = ""] = process.argv.slice(2);
const patient: ConnectOptions = { requestTimeoutMs: long, connectTimeoutMs: long };

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  async used() {
    const client = await connect(addr, patient);
    await Promise.all([client.set("a", "1"), client.get("a")]);
    await client.close();
  },
  async twice() {
    const client = await connect(addr, patient);
    await Promise.all([client.close(), client.close()]);
    await client.close();
  },
  async refused() {
    await ask("stop");
    await connect(addr, patient).then(unexpected, () => undefined);
  },
  async silent() {
    await connect(addr, { ...patient, connectTimeoutMs: 20 }).then(unexpected, () => undefined);
  },
  async unwelcome() {
    await connect(addr, patient).then(unexpected, () => undefined);
  },
  async waiting() {
    const reconnect = { minDelayMs: long };
    const client = await connect(addr, { ...patient, requestTimeoutMs: 40, reconnect });
    await ask("stop");
    await client.get("a").catch(() => undefined);
    await client.close();
  },
  async dialing() {
    const client = await connect(addr, { ...patient, reconnect: { minDelayMs: 1 } });
    await ask("silence");
    await Bun.sleep(50); // time for the attempt; sooner or later, the close must end it
    await client.close();
  },
  async leaderless() {
    const reconnect = { minDelayMs: long };
    const client = await connect(addr, { ...patient, requestTimeoutMs: 40, reconnect });
    await client.set("a", "1").then(unexpected, () => undefined);
    await client.close();
  },
  async unanswered() {
    const client = await connect(addr, { ...patient, requestTimeoutMs: 40 });
    const read = client.get("").then(unexpected, () => undefined);
    await client.close();
    await read;
  },
};

await scenarios[scenario]();
console.log("done");

/** Asks the test to change its node, and waits until that is done. */
async function ask(change: string): Promise<void> {
  console.log(change);
  const reader = Bun.stdin.stream().getReader();
  await reader.read();
  await reader.cancel();
}

function unexpected(value: unknown): never {
  throw new Error(`${scenario} came to ${value}`);
}
