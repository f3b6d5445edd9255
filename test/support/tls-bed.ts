/**
 * What the tests of TLS share: nodes with certificates, and connections by TLS that send what a
 * test writes. A node that cannot be reached, and one that refuses, both reject.
 */

import { readFileSync } from "node:fs";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { loadConfig } from "../../src/config/config.ts";
import { type Server, startServer } from "../../src/node/server.ts";
import { RespClient, temporaryDirectory } from "../harness.ts";
import { Authority, type Certificate } from "./certificates.ts";
import { workerEntry } from "./programs.ts";
import { RawConnection } from "./raw-connection.ts";

export interface TlsBed extends AsyncDisposable {
  readonly directory: string;
  readonly authority: Authority;
  /** Signs what no node trusts. */
  readonly stranger: Authority;
  /** The certificate of nodes. */
  readonly node: Certificate;
  /** One for clients. */
  readonly client: Certificate;
}

export async function tlsBed(): Promise<TlsBed> {
  const directory = await temporaryDirectory();
  const authority = new Authority(directory.path);
  return {
    directory: directory.path,
    authority,
    stranger: new Authority(directory.path, "stranger"),
    node: await authority.issue("node"),
    client: await authority.issue("client"),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

type Flags = Readonly<Record<string, string>>;

/** The options of a node with TLS on a free port that asks clients for nothing. */
export function tlsFlags({ node, authority }: TlsBed): Flags {
  return {
    "tls-port": "any",
    "tls-cert-file": node.cert,
    "tls-key-file": node.key,
    "tls-ca-cert-file": authority.cert,
    "tls-auth-clients": "no",
  };
}

export function startTls(bed: TlsBed, flags: Flags = {}): Promise<Server> {
  const all = { listenaddr: "127.0.0.1:0", "max-memory": "64mb", ...tlsFlags(bed), ...flags };
  return startServer(
    loadConfig(all, {}, () => ""),
    { workerEntry, logSink: () => undefined },
  );
}

export interface TlsClient extends RespClient {
  readonly socket: TLSSocket;
}

/** Rejects if the handshake fails. With `certificate`, the client shows it. */
export function tlsClient(
  port: number,
  { authority }: Pick<TlsBed, "authority">,
  { certificate, ...options }: ConnectionOptions & { certificate?: Certificate } = {},
): Promise<TlsClient> {
  const own = certificate && {
    cert: readFileSync(certificate.cert),
    key: readFileSync(certificate.key),
  };
  const ca = readFileSync(authority.cert);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", ca, ...own, ...options });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      socket.off("error", reject);
      resolve(Object.assign(new RespClient(new RawConnection(socket)), { socket }));
    });
  });
}

/** The name in the certificate that a node shows to a new client. */
export async function shownName(port: number, bed: TlsBed): Promise<string> {
  await using client = await tlsClient(port, bed);
  return String(client.socket.getPeerCertificate().subject.CN);
}
