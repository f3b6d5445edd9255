/**
 * The thread of a PingWatch: a few connections, one PING at a time on each, and how long each
 * answer took, by the clock and by the processor time of the node meanwhile. It is a thread of its
 * own, so that what the test itself does delays no measurement.
 */
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { processorMs, tellsMemory } from "./process-memory.ts";

/** Real time between two PINGs: often enough for percentiles, and no load. */
const pauseMs = 10;

export interface Ping {
  readonly waitedMs: number;
  /** What all threads of the node worked meanwhile; 0 where the system does not tell. */
  readonly workedMs: number;
}

interface Orders {
  readonly port: number;
  readonly pid: number;
  readonly greeting: string;
  readonly count: number;
}

const { port, pid, greeting, count } = workerData as Orders;
const pings: Ping[] = [];
let isDone = false;
parentPort?.on("message", () => {
  isDone = true;
});
await Promise.all(Array.from({ length: count }, () => keepAsking())).then(
  () => report(""),
  (error: Error) => report(error.message),
);

function keepAsking(): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentMs = 0;
    let workedMs = 0;
    const socket = connect({ port, host: "127.0.0.1" });
    const ping = () => {
      sentMs = performance.now();
      workedMs = worked();
      socket.write("PING\r\n");
    };
    socket.setNoDelay(true);
    socket.on("connect", () => (greeting === "" ? ping() : socket.write(greeting)));
    socket.on("data", (answer) => {
      if (`${answer}` === "+OK\r\n") return ping();
      if (`${answer}` !== "+PONG\r\n") return reject(new Error(`answered ${answer}`));
      pings.push({ waitedMs: performance.now() - sentMs, workedMs: worked() - workedMs });
      if (pings.length === count) parentPort?.postMessage("begun");
      if (!isDone) return void setTimeout(ping, pauseMs);
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
  });
}

function worked(): number {
  return tellsMemory ? processorMs(pid) : 0;
}

function report(trouble: string): void {
  parentPort?.postMessage({ pings, trouble });
  parentPort?.close();
}
