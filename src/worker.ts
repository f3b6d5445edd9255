// The entry of a data thread, as main.ts is that of the process: the second file of the binary,
// which the control thread starts as a Worker. What a data thread does is in
// node/threads/worker-server.ts.

import { runWorker } from "./node/threads/worker-server.ts";

runWorker();
