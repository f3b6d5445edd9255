// The TLS flags that subcommands share. The files that they name are read first, so that a wrong
// file is reported in one sentence before anything is opened.

import { ConfigError } from "../base/errors.ts";
import { isServerUrl, parseServerUrl } from "../base/place.ts";
import { readIdentity } from "../base/tls.ts";
import type { TlsOptions } from "../client/link/client-tls.ts";

export const tlsArguments = {
  tls: {
    type: "boolean",
    description: "Connect by TLS, as a rediss:// address does",
    default: false,
  },
  "tls-ca": {
    type: "string",
    description: "Certificates of the authorities to trust; without it, the well-known ones",
    valueHint: "file",
  },
  "tls-cert": {
    type: "string",
    description: "Certificate to show, with --tls-key",
    valueHint: "file",
  },
  "tls-key": { type: "string", description: "Private key of that certificate", valueHint: "file" },
  "tls-sni": {
    type: "string",
    description: "Host that the certificate must name, instead of that of --addr",
    valueHint: "host",
  },
  "tls-insecure": {
    type: "boolean",
    description: "Accept any certificate, even that of an attacker",
    default: false,
  },
} as const;

export interface TlsArguments {
  readonly addr: string;
  readonly tls?: boolean | undefined;
  readonly "tls-ca"?: string | undefined;
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
  readonly "tls-sni"?: string | undefined;
  readonly "tls-insecure"?: boolean | undefined;
}

/** Undefined: no TLS is wanted. `flags` is what the flags begin with. Throws a ConfigError. */
export function tlsOf(args: TlsArguments, flags = "tls"): TlsOptions | undefined {
  const isAsked = args.tls === true || (isServerUrl(args.addr) && parseServerUrl(args.addr).isTls);
  const given = (Object.keys(tlsArguments) as (keyof TlsArguments)[]).find((name) => args[name]);
  const flag = (name: string) => `--${name.replace(/^tls/, flags)}`;
  if (!isAsked) {
    if (given === undefined) return undefined;
    const asking = flags === "tls" ? "--tls or a rediss:// address" : "a rediss:// address";
    throw new ConfigError(`${flag(given)} needs ${asking}`);
  }
  const file = (name: "tls-ca" | "tls-cert" | "tls-key") => ({
    path: args[name] ?? "",
    option: flag(name),
  });
  const identity = readIdentity({
    cert: file("tls-cert"),
    key: file("tls-key"),
    keyPass: { text: "", option: "a password, which this command cannot ask for," },
    ca: file("tls-ca"),
    caDir: { path: "", option: "" },
  });
  const sni = args["tls-sni"];
  return {
    ...identity,
    ...(sni !== undefined && sni !== "" && { serverName: sni }),
    rejectUnauthorized: args["tls-insecure"] !== true,
  };
}
