/**
 * The thread of a PingWatch: a few connections, one PING at a time on each, and how long each
 * answer took, by the clock and without the stalls of the machine meanwhile. It is a thread of its
 * own, so that what the test itself does delays no measurement.
 */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import { Stalls } from "./stalls.ts";

/** Real time between two PINGs: often enough for percentiles, and no load. */
const pauseMs = 10;
/** For a shorter wait nobody asks whose it was. */
const slowMsMin = 50;

export interface Ping {
  readonly waitedMs: number;
  /** Of that, what the machine did not let the node run, or this thread. */
  readonly stalledMs: number;
}

/** A port for TLS, and who signs for it. */
export interface TlsDoor {
  readonly port: number;
  readonly ca: string;
}

interface Orders {
  readonly port: number;
  /** Where every second connection goes; null: none does. */
  readonly tls: TlsDoor | null;
  readonly pid: number;
  readonly greeting: string;
  readonly count: number;
  readonly acceptsBusy: boolean;
}

const { port, tls, pid, greeting, count, acceptsBusy } = workerData as Orders;
const host = "127.0.0.1";
const stalls = new Stalls(pid);
const pings: Ping[] = [];
let isDone = false;
parentPort?.on("message", () => {
  isDone = true;
});
await Promise.all(Array.from({ length: count }, (_, i) => keepAsking(i % 2 > 0 ? tls : null))).then(
  () => report(""),
  (error: Error) => report(error.message),
);

function keepAsking(door: TlsDoor | null): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = stalls.mark();
    const socket = door === null ? connect({ port, host }) : connectTls({ ...door, host });
    const ping = () => {
      sent = stalls.mark();
      socket.write("PING\r\n");
    };
    socket.setNoDelay(true);
    const ready = door === null ? "connect" : "secureConnect";
    socket.on(ready, () => (greeting === "" ? ping() : socket.write(greeting)));
    socket.on("data", (answer) => {
      if (`${answer}` === "+OK\r\n") return ping();
      const isBusy = acceptsBusy && `${answer}`.startsWith("-BUSY ");
      if (`${answer}` !== "+PONG\r\n" && !isBusy) return reject(new Error(`answered ${answer}`));
      const waitedMs = performance.now() - sent.atMs;
      pings.push({ waitedMs, stalledMs: waitedMs < slowMsMin ? 0 : stalls.since(sent) });
      if (pings.length === count) parentPort?.postMessage("begun");
      if (!isDone) return void setTimeout(ping, pauseMs);
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed")));
  });
}

function report(trouble: string): void {
  stalls[Symbol.dispose]();
  parentPort?.postMessage({ pings, trouble });
  parentPort?.close();
}
