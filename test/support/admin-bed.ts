/**
 * What the tests of the admin HTTP server share: nodes with one in this process, and requests to
 * it. Requests are made by fetch(), or byte for byte where a proper client would not send them.
 */

import { formatAddress } from "../../src/base/address.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type Server, startServer } from "../../src/node/server.ts";
import { workerEntry } from "./programs.ts";

export interface AdminNode extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly httpPort: number;
  /** "http://127.0.0.1:port" */
  readonly url: string;
  /** Its log up to now. */
  readonly log: () => string;
  /** A request to a path of it. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
}

type Flags = Readonly<Record<string, string>>;

export async function startAdminNode(flags: Flags = {}): Promise<AdminNode> {
  const all = { listenaddr: "127.0.0.1:0", "max-memory": "64mb", http: "127.0.0.1:0", ...flags };
  let log = "";
  const logSink = (text: string) => {
    log += text;
  };
  const config = loadConfig(all, {}, () => "");
  const server = await startServer(config, { workerEntry, logSink });
  const [address] = server.httpAddresses;
  const url = address === undefined ? "" : `http://${formatAddress(address)}`;
  return {
    server,
    port: server.port,
    httpPort: address?.port ?? 0,
    url,
    log: () => log,
    ask: (path, init) => fetch(`${url}${path}`, init),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The status, and the text or the error. */
export async function outcome(response: Response): Promise<[status: number, text: string]> {
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return [response.status, isJson ? (JSON.parse(text).error ?? text) : text];
}
