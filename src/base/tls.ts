// Certificates and keys in PEM files, for whoever speaks TLS: a node, its link to a leader, the
// client. Reads and checks them; opens no connection.
// Invariant: every mistake is a ConfigError of one sentence that names the option and the file, and
// never what is in a file.

import type { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SecureContext, SecureContextOptions } from "node:tls";
import { ConfigError } from "./errors.ts";
import { tlsFileBytesMax } from "./limits.ts";
import { codeOf, reasonOf } from "./reason.ts";
import type { TlsIdentity } from "./tls-link.ts";

/** A path, and the option that it is the value of. An empty path: none. */
export interface TlsFile {
  readonly path: string;
  readonly option: string;
}

export interface TlsFiles {
  readonly cert: TlsFile;
  readonly key: TlsFile;
  /** The password of the key, and its option. */
  readonly keyPass: { readonly text: string; readonly option: string };
  readonly ca: TlsFile;
  readonly caDir: TlsFile;
}

export const tlsProtocols = ["TLSv1.2", "TLSv1.3"] as const;
export type TlsProtocol = (typeof tlsProtocols)[number];

/** BoringSSL's SSL_OP_NO_...; older versions it does not speak unless it is told to. */
const offBits: Readonly<Record<TlsProtocol, number>> = {
  "TLSv1.2": 0x0800_0000,
  "TLSv1.3": 0x2000_0000,
};

/** `secureOptions` that leave only these versions. */
export function onlyProtocols(protocols: readonly TlsProtocol[]): number {
  const off = tlsProtocols.filter((protocol) => !protocols.includes(protocol));
  return off.reduce((bits, protocol) => bits | offBits[protocol], 0);
}

const certificateMark = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;
const keyMark = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** Reads the files that are named. */
export function readIdentity({ cert, key, keyPass, ca, caDir }: TlsFiles): TlsIdentity {
  const identity: { -readonly [Name in keyof TlsIdentity]: TlsIdentity[Name] } = {};
  if (cert.path !== "" || key.path !== "") {
    if (cert.path === "") throw new ConfigError(`${key.option}: needs ${cert.option}`);
    if (key.path === "") throw new ConfigError(`${cert.option}: needs ${key.option}`);
    identity.cert = readPem(cert, certificateMark, "certificate");
    identity.key = readPem(key, keyMark, "private key");
    if (keyPass.text !== "") identity.passphrase = keyPass.text;
    checkPair(identity, { cert, key, keyPass });
  }
  const trusted = [
    ...(ca.path === "" ? [] : [readPem(ca, certificateMark, "certificate")]),
    ...(caDir.path === "" ? [] : readDirectory(caDir)),
  ];
  if (trusted.length > 0) {
    identity.ca = trusted.join("\n");
    checkTrusted(identity.ca, ca.path === "" ? caDir : ca);
  }
  return identity;
}

/** Throws unless the list, in OpenSSL's notation, names a cipher. */
export function checkCiphers(ciphers: string, option: string): void {
  try {
    createSecureContext({ ciphers });
  } catch {
    throw new ConfigError(`${option}: "${ciphers}" names no cipher`);
  }
}

/** Why clients will not accept the certificate, as a sentence; null if it is in its time. */
export function timeFault(cert: string, nowMs: number): string | null {
  const { validFromDate, validToDate } = certificateIn(cert);
  if (nowMs > validToDate.getTime()) return `it expired on ${day(validToDate)}`;
  if (nowMs < validFromDate.getTime()) return `it is not valid before ${day(validFromDate)}`;
  return null;
}

// --- internal ---

// A node without TLS needs neither module, and to load both takes 8 ms of its start.

function certificateIn(pem: string): X509Certificate {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  return new X509Certificate(pem);
}

function createSecureContext(options: SecureContextOptions): SecureContext {
  return process.getBuiltinModule("node:tls").createSecureContext(options);
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function readPem({ path, option }: TlsFile, mark: RegExp, what: string): string {
  const text = readText(path, option);
  if (mark.test(text)) return text;
  throw new ConfigError(`${option}: "${path}" has no ${what} in PEM form`);
}

function readText(path: string, option: string): string {
  try {
    const { size } = statSync(path);
    if (size <= tlsFileBytesMax) return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`${option}: "${path}" cannot be read: ${reasonOf(cause)}`);
  }
  throw new ConfigError(`${option}: "${path}" has more than ${tlsFileBytesMax} bytes`);
}

/** The certificates of all files in it; a file of another kind is left out. */
function readDirectory({ path, option }: TlsFile): string[] {
  let names: string[];
  try {
    names = readdirSync(path).sort();
  } catch (cause) {
    throw new ConfigError(`${option}: "${path}" cannot be read: ${reasonOf(cause)}`);
  }
  // A directory for OpenSSL has each file twice: under its name, and linked under its hash.
  const found = new Set<string>();
  let bytes = 0;
  for (const name of names) {
    const file = join(path, name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
    const text = readText(file, option);
    if (!certificateMark.test(text) || found.has(text)) continue;
    found.add(text);
    bytes += text.length;
    if (bytes > tlsFileBytesMax) {
      throw new ConfigError(`${option}: "${path}" has more than ${tlsFileBytesMax} bytes`);
    }
  }
  if (found.size > 0) return [...found];
  throw new ConfigError(`${option}: "${path}" has no certificate in PEM form`);
}

function checkPair(
  { cert, key, passphrase }: TlsIdentity,
  files: Pick<TlsFiles, "cert" | "key" | "keyPass">,
): void {
  const certFile = `${files.cert.option}: "${files.cert.path}"`;
  const keyFile = `${files.key.option}: "${files.key.path}"`;
  try {
    certificateIn(cert ?? "");
  } catch {
    throw new ConfigError(`${certFile} has a broken certificate`);
  }
  try {
    createSecureContext({ cert, key, passphrase });
  } catch (cause) {
    const code = codeOf(cause);
    if (code.endsWith("KEY_VALUES_MISMATCH") || code.endsWith("KEY_TYPE_MISMATCH")) {
      throw new ConfigError(`${keyFile} is not the key of the certificate "${files.cert.path}"`);
    }
    const isEncrypted = /ENCRYPTED/.test(key ?? "");
    if (!isEncrypted) throw new ConfigError(`${keyFile} or its certificate is broken`);
    throw new ConfigError(
      passphrase === undefined
        ? `${keyFile} is encrypted; ${files.keyPass.option} is not set`
        : `${keyFile} cannot be decrypted with ${files.keyPass.option}`,
    );
  }
}

function checkTrusted(ca: string, { path, option }: TlsFile): void {
  try {
    createSecureContext({ ca });
  } catch {
    throw new ConfigError(`${option}: "${path}" has a broken certificate`);
  }
}
