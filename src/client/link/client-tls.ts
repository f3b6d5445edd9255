// The TLS options of a client, checked as far as their kinds go. What Bun makes of the texts of
// certificates is seen when a connection opens.

import type { Place } from "../../base/place.ts";
import type { ConnectTls } from "../../base/tls-link.ts";
import { checkBag, checkFlag, type Names, wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";

/** Certificates or keys in PEM. */
export type Pem = string | Uint8Array;

/** How a client connects by TLS. */
export interface TlsOptions {
  /** Authorities that may have signed the node's certificate. Default: Mozilla's list. */
  ca?: Pem | readonly Pem[] | undefined;
  /** The client's own certificate, if nodes ask for one, with its intermediates. Default: none. */
  cert?: Pem | undefined;
  /** The private key of that certificate. Default: none. */
  key?: Pem | undefined;
  /** The password of an encrypted key. Default: none. */
  passphrase?: string | undefined;
  /** The host that the node's certificate must name. Default: the host of the address. */
  serverName?: string | undefined;
  /** With false any certificate is accepted, even that of an attacker. Default true. */
  rejectUnauthorized?: boolean | undefined;
}

const tlsNames: Names<TlsOptions> = {
  ...{ ca: true, cert: true, key: true, passphrase: true },
  ...{ serverName: true, rejectUnauthorized: true },
};

/** Null: no TLS. @internal */
export function resolveTls(
  tls: boolean | TlsOptions | undefined,
  isAsked: boolean,
  places: readonly Place[],
): ConnectTls | null {
  if (tls === false && isAsked) {
    throw new InvalidArgumentError("tls is false, but an address asks for TLS");
  }
  if (tls === false || (tls === undefined && !isAsked)) return null;
  if (places.some(({ unixPath }) => unixPath !== undefined)) {
    throw new InvalidArgumentError("tls needs a host, not a Unix socket");
  }
  const options = typeof tls === "object" ? checked(tls) : {};
  const present = Object.entries(options).filter(([, value]) => value !== undefined);
  const rejectUnauthorized = options.rejectUnauthorized ?? true;
  return { ...Object.fromEntries(present), rejectUnauthorized };
}

// --- internal ---

function checked(tls: TlsOptions): TlsOptions {
  checkBag("tls", tls, tlsNames);
  const { ca, cert, key, passphrase, serverName, rejectUnauthorized } = tls;
  for (const pem of Array.isArray(ca) ? ca : [ca]) checkPem("tls.ca", pem);
  checkPem("tls.cert", cert);
  checkPem("tls.key", key);
  checkText("tls.passphrase", passphrase);
  checkText("tls.serverName", serverName);
  checkFlag("tls.rejectUnauthorized", rejectUnauthorized);
  if ((cert === undefined) !== (key === undefined)) {
    throw new InvalidArgumentError("tls.cert and tls.key need each other");
  }
  return tls;
}

function checkPem(name: string, value: unknown): void {
  if (value === undefined || typeof value === "string" || value instanceof Uint8Array) return;
  throw wrongKind(name, "a string or a Uint8Array", value);
}

function checkText(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "string") throw wrongKind(name, "a string", value);
}
