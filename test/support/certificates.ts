/**
 * Certificates for tests, made by `openssl` in a directory that the test disposes of: authorities,
 * and what they sign. Keys are of elliptic curves, which are made in milliseconds.
 */
import { join } from "node:path";

/** Paths of files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  /** Names and addresses in OpenSSL's notation; by default those of this machine. */
  readonly names?: string;
  /** Negative: expired. */
  readonly days?: number;
}

const ownNames = "DNS:localhost,IP:127.0.0.1,IP:::1";

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr.toString()}`);
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  /** The path of its certificate. */
  readonly cert: string;
  private readonly directory: string;
  private readonly name: string;
  private readonly key: string;
  private serial = 1;

  constructor(directory: string, name = "authority") {
    this.directory = directory;
    this.name = name;
    this.cert = join(directory, `${name}.crt`);
    this.key = join(directory, `${name}.key`);
    const subject = ["-subj", `/CN=${name}`, "-days", "30"];
    openssl("req", "-x509", ...newKey, ...subject, "-keyout", this.key, "-out", this.cert);
  }

  /** Signs a certificate; its file names begin with `name`. */
  async issue(name: string, { names = ownNames, days = 30 }: Wanted = {}): Promise<Certificate> {
    const path = (ending: string) => join(this.directory, `${this.name}-${name}.${ending}`);
    const [cert, key, request, extensions] = ["crt", "key", "csr", "ext"].map(path);
    openssl("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", key, "-out", request);
    await Bun.write(extensions, `subjectAltName=${names}\n`);
    const signer = ["-CA", this.cert, "-CAkey", this.key, "-set_serial", `${this.serial++}`];
    const made = ["-days", `${days}`, "-extfile", extensions, "-out", cert];
    openssl("x509", "-req", "-in", request, ...signer, ...made);
    return { cert, key };
  }
}

/** The same key, encrypted with a password; returns its path. */
export function encryptKey({ key }: Certificate, password: string): string {
  const path = `${key}.encrypted`;
  openssl("pkcs8", "-topk8", "-in", key, "-passout", `pass:${password}`, "-out", path);
  return path;
}
