// The options of TLS, for clients and for the link to a leader, as rows of the table in options.ts,
// and how they depend on each other. Names and defaults are Redis's where Redis has them. The files
// are read elsewhere (node/security/credentials.ts).

import { ConfigError } from "../base/errors.ts";
import { type TlsProtocol, tlsProtocols } from "../base/tls.ts";
import type { AdminConfig } from "./admin-options.ts";
import type { Option } from "./option.ts";
import { parseWholeNumber, parseWord } from "./values.ts";

export const tlsAuthClients = ["no", "optional", "yes"] as const;
export type TlsAuthClients = (typeof tlsAuthClients)[number];

export interface TlsConfig {
  /** 0: no TLS for clients; anyTlsPort: the system chooses. */
  readonly tlsPort: number;
  readonly tlsOnly: boolean;
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
  readonly tlsKeyFilePass: string;
  readonly tlsClientCertFile: string;
  readonly tlsClientKeyFile: string;
  readonly tlsClientKeyFilePass: string;
  readonly tlsCaCertFile: string;
  readonly tlsCaCertDir: string;
  readonly tlsAuthClients: TlsAuthClients;
  readonly tlsProtocols: readonly TlsProtocol[];
  readonly tlsCiphers: string;
  readonly tlsReplication: boolean;
}

export const anyTlsPort = -1;
const portMax = 65_535;

export const tlsOptions: { readonly [Key in keyof TlsConfig]: Option<TlsConfig[Key]> } = {
  tlsPort: {
    name: "tls-port",
    environment: "MSCACHE_TLS_PORT",
    group: "TLS",
    hint: "PORT",
    default: "0",
    doc: "Port for TLS on the hosts of `listenaddr`; `any` is any free port, 0 none.",
    change: "applies",
    parse: (text) => (text.trim() === "any" ? anyTlsPort : parseWholeNumber(text, 0, portMax)),
    format: (port) => (port === anyTlsPort ? "any" : String(port)),
    redis: [{ name: "tls-port", show: (port) => String(Math.max(0, port)) }],
  },
  tlsOnly: yesOrNo(
    "tls-only",
    "no",
    "Whether to listen for TLS only, and not on `listenaddr` itself.",
  ),
  tlsCertFile: text(
    "tls-cert-file",
    "FILE",
    "Certificate of the node in PEM, with its intermediates.",
  ),
  tlsKeyFile: text("tls-key-file", "FILE", "Private key of the certificate in PEM."),
  tlsKeyFilePass: text("tls-key-file-pass", "PASSWORD", "Password of an encrypted key file."),
  tlsClientCertFile: text(
    "tls-client-cert-file",
    "FILE",
    "Certificate that a follower shows to its leader; without it, that of the node.",
  ),
  tlsClientKeyFile: text("tls-client-key-file", "FILE", "Private key of that certificate."),
  tlsClientKeyFilePass: text(
    "tls-client-key-file-pass",
    "PASSWORD",
    "Password of that key file, if it is encrypted.",
  ),
  tlsCaCertFile: text(
    "tls-ca-cert-file",
    "FILE",
    "Certificates in PEM of those who may sign for clients and leaders.",
  ),
  tlsCaCertDir: text("tls-ca-cert-dir", "DIRECTORY", "Directory with further such files."),
  tlsAuthClients: {
    name: "tls-auth-clients",
    environment: "MSCACHE_TLS_AUTH_CLIENTS",
    group: "TLS",
    hint: tlsAuthClients.join("|"),
    default: "yes",
    doc: "Whether TLS clients must show a certificate; with `optional`, only a wrong one is refused.",
    change: "applies",
    parse: (text) => parseWord(text, tlsAuthClients),
    format: (word) => word,
    redis: [{ name: "tls-auth-clients" }],
  },
  tlsProtocols: {
    name: "tls-protocols",
    environment: "MSCACHE_TLS_PROTOCOLS",
    group: "TLS",
    hint: "LIST",
    default: "",
    doc: "Versions of TLS to use, of `TLSv1.2 TLSv1.3`; both if empty.",
    change: "applies",
    parse: parseProtocols,
    format: (protocols) => protocols.join(" "),
    redis: [{ name: "tls-protocols" }],
  },
  tlsCiphers: text("tls-ciphers", "LIST", "Ciphers of TLS 1.2 in OpenSSL's notation."),
  tlsReplication: yesOrNo("tls-replication", "no", "Whether to follow leaders by TLS."),
};

/** Throws a ConfigError if an option lacks another that it needs. */
export function checkTls(config: TlsConfig & Pick<AdminConfig, "http" | "https">): void {
  const { tlsPort, tlsCertFile, tlsKeyFile, tlsAuthClients: auth } = config;
  const hasCa = config.tlsCaCertFile !== "" || config.tlsCaCertDir !== "";
  const ca = "--tls-ca-cert-file or --tls-ca-cert-dir";
  if (config.tlsReplication && !hasCa) throw new ConfigError(`--tls-replication: needs ${ca}`);
  if (tlsPort === 0 && config.tlsOnly) throw new ConfigError("--tls-only: needs --tls-port");
  if (config.tlsOnly && config.http.length > 0) {
    throw new ConfigError("--http: a node with --tls-only serves HTTP by --https alone");
  }
  if (!servesTls(config)) return;
  if (tlsCertFile === "" || tlsKeyFile === "") {
    const option = tlsPort === 0 ? "--https" : "--tls-port";
    throw new ConfigError(`${option}: needs --tls-cert-file and --tls-key-file`);
  }
  if (auth === "no" || hasCa) return;
  throw new ConfigError(
    `--tls-auth-clients: ${auth} needs ${ca}; with no, clients need not show a certificate`,
  );
}

/** Whether anybody is served by TLS, so that the node needs a certificate. */
export function servesTls({ tlsPort, https }: Pick<TlsConfig & AdminConfig, "tlsPort" | "https">) {
  return tlsPort !== 0 || https.length > 0;
}

// --- internal ---

function text(name: string, hint: string, doc: string): Option<string> {
  return {
    ...base(name, hint, doc),
    default: "",
    change: "applies",
    parse: (value) => value,
    format: (value) => value,
  };
}

function yesOrNo(name: string, standard: "yes" | "no", doc: string): Option<boolean> {
  return {
    ...base(name, "yes|no", doc),
    default: standard,
    change: name === "tls-only" ? "restart" : "applies",
    parse: (value) => parseWord(value, ["yes", "no"]) === "yes",
    format: (value) => (value ? "yes" : "no"),
  };
}

function base(name: string, hint: string, doc: string) {
  const environment = `MSCACHE_${name.toUpperCase().replaceAll("-", "_")}`;
  return { name, environment, group: "TLS", hint, doc, redis: [{ name }] } as const;
}

function parseProtocols(list: string): TlsProtocol[] {
  const words = list.split(/\s+/).filter((word) => word !== "");
  return words.map((word) => {
    const found = tlsProtocols.find((known) => known.toLowerCase() === word.toLowerCase());
    if (found !== undefined) return found;
    throw new ConfigError(`"${word}" is not one of ${tlsProtocols.join(", ")}`);
  });
}
