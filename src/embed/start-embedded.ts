// Starts a node inside somebody's process and shows it as an EmbeddedServer. It is imported by
// serve() alone, at its first call, and everything that makes a server with it.
//
//   open --close(), SHUTDOWN--> closed        open --fault--> closed, and the owner is told
//
// Invariants: once closed, nothing here leads to the node, so that its memory can be collected; no
// promise is left that would end the process when nobody handles it.

import { existsSync } from "node:fs";
import { formatAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import { inspected, shownAs } from "../base/inspected.ts";
import { checkFunction } from "../client/arguments.ts";
import { InvalidArgumentError, type MSCacheError } from "../client/client-errors.ts";
import type { Config } from "../config/config.ts";
import { NodeFault } from "../node/control/faults.ts";
import { type Server, startServer } from "../node/server.ts";
import { ServeError, ServerFaultError } from "./embed-errors.ts";
import type { EmbeddedServer } from "./embedded-server.ts";
import { configOf, inOptions } from "./serve-config.ts";
import type { ServeOptions } from "./serve-options.ts";

export async function startEmbedded(options: ServeOptions): Promise<EmbeddedServer> {
  const config = configOf(options);
  checkFunction("log", options.log);
  checkFunction("onError", options.onError);
  if (config.threads > 1) refuseThreadsWithoutCode();
  const owner = new Owner(options);
  try {
    const server = await startServer(config, {
      isGuest: true,
      logSink: owner.logLine,
      onFault: (fault) => owner.faulted(fault),
    });
    return new Embedded(server, config, owner);
  } catch (error) {
    throw publicError(error);
  }
}

/** The code of Workers is a file beside the sources, which a bundle does not have. */
function refuseThreadsWithoutCode(): void {
  const entry = new URL("../worker.ts", import.meta.url);
  if (entry.protocol === "file:" && existsSync(entry)) return;
  throw new InvalidArgumentError(
    "threads: a program that was bundled or compiled has one data thread",
  );
}

/** What a caller of serve() and close() gets for an error of the node. */
function publicError(error: unknown): MSCacheError {
  if (error instanceof InvalidArgumentError) return error;
  if (error instanceof NodeFault) return faultOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof ConfigError) return new InvalidArgumentError(inOptions(text));
  return new ServeError(inOptions(text), error);
}

function faultOf(fault: NodeFault): ServerFaultError {
  return new ServerFaultError(fault.message.replace(/^this node/, "the server"), fault.cause);
}

/** The callbacks of who started the server: nothing that they throw reaches the server. */
class Owner {
  /** Set when the server is open: until then serve() itself rejects. */
  isListening = false;
  readonly wantsErrors: boolean;
  private readonly options: ServeOptions;

  constructor(options: ServeOptions) {
    this.options = options;
    this.wantsErrors = options.onError !== undefined;
  }

  readonly logLine = (line: string): void => {
    try {
      this.options.log?.(line.trimEnd());
    } catch {
      // A log that fails has lost its line, and there is no other place to tell it.
    }
  };

  faulted(fault: NodeFault): void {
    if (!this.isListening) return;
    try {
      this.options.onError?.(faultOf(fault));
    } catch (error) {
      this.logLine(`onError threw: ${error}`);
    }
  }
}

class Embedded implements EmbeddedServer {
  readonly closed: Promise<void>;
  private readonly unixSocket: string;
  private readonly closeRejects: boolean;
  /** Null once it has ended. */
  private server: Server | null;
  /** Where it listened last. */
  private places: Places;
  private closing: Promise<void> | null = null;

  constructor(server: Server, { unixSocket }: Config, owner: Owner) {
    this.server = server;
    this.unixSocket = unixSocket;
    this.closeRejects = !owner.wantsErrors;
    this.places = placesOf(server, unixSocket);
    this.closed = server.closed.then(
      () => this.left(),
      (error) => {
        this.left();
        throw publicError(error);
      },
    );
    this.closed.catch(() => undefined); // nobody has to look at it
    owner.isListening = true;
  }

  /** @internal What console.log() shows: no password, and nothing of what is inside. */
  [inspected](): string {
    return shownAs("EmbeddedServer", { address: this.address });
  }

  get address(): string {
    return this.addresses[0] ?? "";
  }

  get addresses(): readonly string[] {
    return this.whereabouts.addresses;
  }

  get port(): number {
    return this.whereabouts.port;
  }

  get tlsPort(): number {
    return this.whereabouts.tlsPort;
  }

  reloadCertificates(): void {
    this.server?.reloadCertificates();
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** CONFIG SET may have moved it. */
  private get whereabouts(): Places {
    if (this.server !== null) this.places = placesOf(this.server, this.unixSocket);
    return this.places;
  }

  private async end(): Promise<void> {
    let problem: MSCacheError | null = null;
    try {
      await this.server?.close();
    } catch (error) {
      problem = publicError(error);
    }
    const fault = await this.closed.then(
      () => null,
      (error) => error,
    );
    await collected();
    if (problem !== null) throw problem;
    if (fault !== null && this.closeRejects) throw fault;
  }

  /** The node has ended: forgets it, and remembers where it was. */
  private left(): void {
    void this.whereabouts;
    this.server = null;
  }
}

interface Places {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly tlsPort: number;
}

function placesOf(server: Server, unixSocket: string): Places {
  const { port, tlsPort } = server;
  const addresses = [
    ...server.addresses.map(formatAddress),
    ...server.tlsAddresses.map((address) => `rediss://${formatAddress(address)}`),
    ...(unixSocket === "" ? [] : [`unix://${unixSocket}`]),
  ];
  return { addresses, port, tlsPort };
}

/**
 * Memory that is shared counts as heap, and JavaScriptCore collects a large heap late: without
 * this, a hundred servers of 64 MiB, one after the other, stand at 1.2 GB (measured). At the end of
 * this event, as what has closed the server is still on the stack.
 */
async function collected(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  Bun.gc(true);
}
