// The certificates of a node: read from their files at start, at CONFIG SET of one of their options
// and at SIGHUP. Who listens and who connects takes them from here; connections that are open keep
// what they began with.
// Invariant: `current` is a complete set that has been checked; a set with a fault changes nothing.

import { wallClockMs } from "../../base/clock.ts";
import { ConfigError } from "../../base/errors.ts";
import { Signal } from "../../base/signal.ts";
import {
  checkCiphers,
  onlyProtocols,
  readIdentity,
  timeFault,
  tlsProtocols,
} from "../../base/tls.ts";
import type { TlsLink } from "../../base/tls-link.ts";
import type { Config } from "../../config/config.ts";
import { checkTls, servesTls } from "../../config/tls-options.ts";
import type { ServerTls } from "../connection/listener.ts";

export interface CredentialSet {
  /** Null: no TLS for clients. */
  readonly server: ServerTls | null;
  /** Null: no HTTPS. */
  readonly https: ServerTls | null;
  /** Null: leaders are followed without TLS. */
  readonly link: TlsLink | null;
}

export class Credentials {
  /** Emitted when there is a new set. */
  readonly changed = new Signal();
  private present: CredentialSet;

  /** Throws a ConfigError if a file or the choice of options has a fault. */
  constructor(config: Config) {
    this.present = read(config);
  }

  get current(): CredentialSet {
    return this.present;
  }

  /** Why the certificate of the node is of no use now; null if it is not used, or is good. */
  get timeFault(): string | null {
    const { server, https } = this.present;
    const cert = (server ?? https)?.options.cert;
    return cert === undefined ? null : timeFault(cert, wallClockMs());
  }

  /**
   * Reads the files that a configuration names. What it returns puts them into force; a sentence
   * says what is wrong, and nothing has changed.
   */
  prepare(config: Config): (() => void) | string {
    try {
      const next = read(config);
      if (process.platform === "win32" && (next.server ?? next.https) !== null) {
        return "certificates of a node that runs cannot be exchanged on Windows";
      }
      return () => {
        this.present = next;
        this.changed.emit();
      };
    } catch (error) {
      return textOf(error);
    }
  }

  /** How a configuration serves clients by TLS, or null; a sentence says what is wrong. */
  serverOf(config: Config): ServerTls | null | string {
    try {
      return read(config).server;
    } catch (error) {
      return textOf(error);
    }
  }
}

function textOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  throw error;
}

function read(config: Config): CredentialSet {
  checkTls(config);
  const { tlsCiphers: ciphers } = config;
  const isOn = servesTls(config) || config.tlsReplication;
  if (isOn && ciphers !== "") checkCiphers(ciphers, "tls-ciphers");
  const secureOptions = onlyProtocols(protocolsOf(config));
  const common = ciphers === "" ? { secureOptions } : { secureOptions, ciphers };
  const own = servesTls(config) ? serverTls(config, common) : null;
  return {
    server: config.tlsPort === 0 ? null : own,
    https: config.https.length === 0 ? null : own,
    link: config.tlsReplication ? { ...common, ...readIdentity(linkFiles(config)) } : null,
  };
}

function protocolsOf({ tlsProtocols: chosen }: Config) {
  return chosen.length === 0 ? tlsProtocols : chosen;
}

function serverTls(config: Config, common: Pick<TlsLink, "secureOptions" | "ciphers">): ServerTls {
  const clients = config.tlsAuthClients;
  const requestCert = clients !== "no";
  const rejectUnauthorized = clients === "yes";
  const identity = readIdentity(nodeFiles(config));
  return { clients, options: { ...common, ...identity, requestCert, rejectUnauthorized } };
}

function nodeFiles(config: Config) {
  return {
    cert: { path: config.tlsCertFile, option: "tls-cert-file" },
    key: { path: config.tlsKeyFile, option: "tls-key-file" },
    keyPass: { text: config.tlsKeyFilePass, option: "tls-key-file-pass" },
    ca: { path: config.tlsCaCertFile, option: "tls-ca-cert-file" },
    caDir: { path: config.tlsCaCertDir, option: "tls-ca-cert-dir" },
  };
}

/** A node that has no certificate for its link shows its own. */
function linkFiles(config: Config) {
  if (config.tlsClientCertFile === "" && config.tlsClientKeyFile === "") return nodeFiles(config);
  return {
    ...nodeFiles(config),
    cert: { path: config.tlsClientCertFile, option: "tls-client-cert-file" },
    key: { path: config.tlsClientKeyFile, option: "tls-client-key-file" },
    keyPass: { text: config.tlsClientKeyFilePass, option: "tls-client-key-file-pass" },
  };
}
