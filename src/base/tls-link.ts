// One end of a connection by TLS: what it shows, whom it trusts, and whether it trusts who
// answered. It reads no files (tls.ts) and opens nothing, so a client without TLS loads nothing for
// it.

import { codeOf } from "./reason.ts";

/** What Bun.listen() and Bun.connect() take. Texts in PEM; plain data, as Workers get it. */
export interface TlsIdentity {
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly ca?: string;
}

/** How one end connects by TLS: what it shows, whom it trusts, what it speaks. */
export interface TlsLink extends TlsIdentity {
  readonly secureOptions: number;
  readonly ciphers?: string;
  /** The certificate must name the host that was dialled. Default: it may name another. */
  readonly checksHost?: boolean;
  /** The name that is asked for and checked in place of the host that is dialled. */
  readonly serverName?: string;
}

/** Node's name for a certificate that is good, but another host's. */
const hostFault = "ERR_TLS_CERT_ALTNAME_INVALID";

/**
 * Why a server that was connected to by TLS is not trusted; null if it is. With `anyHost` a
 * certificate may name another host than the one that was dialled.
 */
export function distrust(
  { authorized }: { readonly authorized: boolean },
  fault: Error | null,
  anyHost = false,
): string | null {
  if (authorized || (anyHost && codeOf(fault) === hostFault)) return null;
  return fault === null ? "it has no certificate" : tlsReason(fault);
}

/** OpenSSL's texts name libraries and numbers before what went wrong. */
export function tlsReason(error: Error): string {
  const [, name] = /^error:[0-9a-f]+:.*?:OPENSSL_internal:(\w+)$/i.exec(error.message) ?? [];
  return name === undefined ? error.message : name.toLowerCase().replaceAll("_", " ");
}

/** What a client gives to Bun.connect(). */
export interface ConnectTls {
  readonly ca?: Pem | Pem[];
  readonly cert?: Pem;
  readonly key?: Pem;
  readonly passphrase?: string;
  readonly serverName?: string;
  /** False: any certificate will do. */
  readonly rejectUnauthorized: boolean;
}

type Pem = string | Uint8Array<ArrayBuffer>;

/** A handshake that was not completed; other faults are about the certificate. */
const brokenCodes: ReadonlySet<string> = new Set(["EPROTO", "ECONNRESET"]);

/** Why a client must not go on with a server; null if it may. */
export function handshakeFault(
  socket: { readonly authorized: boolean },
  fault: Error | null,
  { rejectUnauthorized }: ConnectTls,
): string | null {
  return rejectUnauthorized || brokenCodes.has(codeOf(fault)) ? distrust(socket, fault) : null;
}
