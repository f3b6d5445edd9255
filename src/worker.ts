// The entry of a data thread, as main.ts is that of the process: the second file of the binary,
// which the control thread starts as a Worker. What a data thread does is in
// node/threads/worker-server.ts, which is loaded when the first message has brought the shared
// memory: the collector looks through all that a thread has loaded for each gibibyte or two that it
// receives. A node with four data threads starts in three quarters of the time so.

declare const self: Worker;

waitForMemory();

function waitForMemory(): void {
  const arrived: MessageEvent[] = [];
  self.onmessage = (message) => {
    if (arrived.push(message) === 1) void serve(arrived);
  };
}

async function serve(arrived: readonly MessageEvent[]): Promise<void> {
  const { runWorker } = await import("./node/threads/worker-server.ts");
  runWorker(arrived);
}
