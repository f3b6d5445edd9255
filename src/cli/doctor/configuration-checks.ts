// Checks of the configuration: who may come in, what is encrypted, what happens when memory is
// full, and what would make the node hard to watch. Pure.

import { isLoopback } from "../../base/address.ts";
import { configNumber, type Facts, isOurs } from "./facts.ts";
import { type Check, type Finding, finding, megabytes, ok, percent, setting } from "./finding.ts";

const passwordLengthMin = 16;

export const configurationChecks: readonly Check[] = [
  check("password", "password", password),
  check("encryption", "encryption", encryption),
  check("debug-command", "DEBUG", debugCommand),
  check("eviction", "what happens when memory is full", eviction),
  check("keepalive", "dead connections", keepalive),
  check("slow-log", "slow log and latencies", slowLog),
];

/** Its addresses that other machines reach, those of admin HTTP named as such; null: unknown. */
export function openAddresses({ config }: Facts): string[] | null {
  const bind = config?.get("bind");
  if (config === null || bind === undefined) return null;
  const hasPort = config.get("port") !== "0" || (config.get("tls-port") ?? "0") !== "0";
  // Redis writes "-::1" for an address that may be missing, and an empty list means all.
  const hosts = bind.split(" ").map((host) => host.replace(/^-/, ""));
  const data = hasPort ? hosts.map((host) => host || "*") : [];
  const admin = ["http", "https"].flatMap((name) => {
    const address = config.get(name) ?? "none";
    return address === "none" ? [] : { name, host: hostOf(address) };
  });
  return [
    ...data.filter(isOpen),
    ...admin.filter(({ host }) => isOpen(host)).map(({ name, host }) => `${host} (${name})`),
  ];
}

function isOpen(host: string): boolean {
  return !isLoopback(host) && host !== "localhost";
}

/** "[::1]:8080" is ::1, and ":8080" all addresses. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "") || "*";
}

export function password(facts: Facts): Finding | null {
  const open = openAddresses(facts);
  if (open === null || facts.isPasswordless === null) return null;
  const where = open.length === 0 ? "only this machine's addresses" : open.join(" ");
  if (!facts.isPasswordless) return knownPassword(facts, where, open.length > 0);
  if (open.length === 0) return ok(`none, and it listens on ${where}`);
  if (asksCertificates(facts)) return ok(`none, but clients must show a certificate on ${where}`);
  const change = `${setting(facts, "requirepass", "A-LONG-RANDOM-PASSWORD")}; or an address of this machine`;
  if (facts.config?.get("protected-mode") === "yes") {
    return finding(
      "advice",
      `no password, protected mode, and it listens on ${where}`,
      "protected mode refuses everybody from other machines, followers too",
      change,
    );
  }
  return finding(
    "failure",
    `no password, no protected mode, and it listens on ${where}`,
    "whoever reaches that address reads, changes and deletes everything, and can shut the node down",
    change,
  );
}

/** Nobody gets in without a certificate that an authority of the node has signed. */
function asksCertificates({ config }: Facts): boolean {
  const hasAdmin = ["http", "https"].some((name) => (config?.get(name) ?? "none") !== "none");
  const isPlain = config?.get("port") !== "0" && config?.get("tls-only") !== "yes";
  return !hasAdmin && !isPlain && config?.get("tls-auth-clients") === "yes";
}

function knownPassword(facts: Facts, where: string, isOpen: boolean): Finding {
  const length = facts.config?.get("requirepass")?.length ?? 0;
  const saw = `required, on ${where}`;
  if (!isOpen || length === 0 || length >= passwordLengthMin) return ok(saw);
  return finding(
    "warning",
    `the password on ${where} has ${length} characters`,
    "nothing slows down whoever tries passwords, and a node answers tens of thousands a second",
    setting(facts, "requirepass", "A-LONG-RANDOM-PASSWORD"),
  );
}

export function encryption(facts: Facts): Finding | null {
  const open = openAddresses(facts);
  if (open === null) return null;
  const isPlain = facts.config?.get("port") !== "0" && facts.config?.get("tls-only") !== "yes";
  const plain = open.filter((address) => address.endsWith(" (http)") || isPlain);
  if (open.length === 0) return ok("not needed on this machine's addresses");
  if (plain.length === 0) return ok("TLS only");
  const hasTls = (facts.config?.get("tls-port") ?? "0") !== "0";
  return finding(
    "advice",
    hasTls ? `TLS, but not on ${plain.join(" ")}` : `no TLS on ${plain.join(" ")}`,
    "anybody on the same network can read passwords, keys and values on their way",
    isOurs(facts)
      ? "--tls-port with --tls-cert-file and --tls-key-file, and --tls-only yes; or a network that only your machines reach"
      : "tls-port, tls-cert-file and tls-key-file, and port 0; or a network that only your machines reach",
  );
}

export function debugCommand(facts: Facts): Finding | null {
  const mode = facts.config?.get("enable-debug-command");
  if (mode === undefined) return null;
  if (mode !== "yes") return ok(`enable-debug-command is ${mode}`);
  return finding(
    "warning",
    "enable-debug-command is yes",
    "DEBUG SLEEP and its like let a client hold up the node for as long as it wants",
    isOurs(facts) ? "start it with --enable-debug-command local" : "enable-debug-command local",
  );
}

export function eviction(facts: Facts): Finding | null {
  const policy = facts.info.text("maxmemory_policy");
  const limit = facts.info.number("maxmemory");
  const used = facts.info.number("used_memory");
  if (policy === null || limit === null || used === null || limit === 0) return null;
  const saw = `${policy}, ${megabytes(used)} of ${megabytes(limit)} used (${percent(used / limit)})`;
  if (policy !== "noeviction") return ok(saw);
  const change = `${setting(facts, "maxmemory-policy", "allkeys-lfu", "s3fifo")}; or a higher maxmemory`;
  const why = "nothing is evicted: when memory is full, writes fail with OOM";
  if (used >= limit * 0.98) return finding("failure", saw, why, change);
  return finding(used >= limit * 0.8 ? "warning" : "advice", saw, why, change);
}

export function keepalive(facts: Facts): Finding | null {
  const seconds = configNumber(facts, "tcp-keepalive");
  if (seconds === null) return null;
  if (seconds > 0) return ok(`probed after ${seconds} s of silence`);
  return finding(
    "advice",
    "tcp-keepalive is 0",
    "a connection whose other end is gone keeps its place and its memory for ever",
    setting(facts, "tcp-keepalive", "300"),
  );
}

export function slowLog(facts: Facts): Finding | null {
  const bound = configNumber(facts, "slowlog-log-slower-than");
  const tracking = facts.config?.get("latency-tracking");
  if (bound === null) return null;
  const why = "when clients wait, nobody can say for what";
  if (bound < 0) {
    const saw = "the slow log is off (slowlog-log-slower-than -1)";
    return finding("advice", saw, why, setting(facts, "slowlog-log-slower-than", "10000"));
  }
  if (tracking === "no") {
    return finding(
      "advice",
      "latency-tracking is no",
      why,
      setting(facts, "latency-tracking", "yes"),
    );
  }
  return ok(`commands above ${bound / 1_000} ms are kept`);
}

// --- internal ---

function check(id: string, title: string, judge: Check["judge"]): Check {
  return { id, area: "configuration", title, judge };
}
