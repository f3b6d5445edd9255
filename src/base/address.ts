// Addresses as users write them: `host:port`, `:port`, `[::1]:port`. Converts text to data and
// back; does not resolve names. Invariant: parseAddress() reads what formatAddress() wrote as the
// same address.

import { ConfigError } from "./errors.ts";
import { hostBytesMax } from "./limits.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const allInterfaces = "0.0.0.0";
/** An IPv6 address in brackets with an optional zone, or a name, or nothing; then the port. */
const address = /^(?:\[([0-9a-f.]*:[0-9a-f:.]*(?:%[\w.-]+)?)\]|([^\s:[\],]*)):(\d{1,5})$/i;

/**
 * Reads "host:port", "[::1]:port" or ":port". `emptyHost` is the host that ":port" stands for: all
 * interfaces (the default) to listen on, this machine to connect to. Port 0 asks the system for a
 * free port. Throws a ConfigError if the text is not an address.
 */
export function parseAddress(text: string, emptyHost: string = allInterfaces): Address {
  const [, bracketed, plain, digits] = address.exec(text.trim()) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (!(port <= 65_535)) {
    throw new ConfigError(
      `"${withoutLogin(text)}" is not an address; write host:port, :port or [::1]:port with a port up to 65535`,
    );
  }
  return { host: bracketed ?? (plain || emptyHost), port };
}

/** For messages: what was meant as a URL may have a password. */
export function withoutLogin(text: string): string {
  const at = text.lastIndexOf("@");
  return at < 0 ? text : `...${text.slice(at)}`;
}

/**
 * Whether a host fits into an address and a line of INFO: a name, IPv4, or IPv6 without brackets.
 */
export function isHost(text: string): boolean {
  if (text === "" || text.length > hostBytesMax || !/^[!-~]*$/.test(text)) return false;
  return address.test(formatAddress({ host: text, port: 0 }));
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const ipv6 = /^([0-9a-f:.]+)(?:%[\w.-]+)?$/i;

/**
 * Whether a host is an IP address and not a name; IPv6 without brackets, with a zone or without.
 * The answer of node:net's isIP(), which would cost a node 5 ms of its start.
 */
export function isIpAddress(host: string): boolean {
  if (ipv4.test(host)) return true;
  const [, groups] = ipv6.exec(host) ?? [];
  return groups !== undefined && URL.canParse(`http://[${groups}]`);
}

/** Whether an IP address is this machine's own, IPv4 mapped into IPv6 included. */
export function isLoopback(host: string): boolean {
  return /^(::ffff:)?127\./i.test(host) || host === "::1";
}

/** The address as a user would type it; an IPv6 host gets its brackets back. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether one address has the other within it, so that their sockets are in each other's way. */
export function overlaps(one: Address, other: Address): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || isEvery(one.host, other.host) || isEvery(other.host, one.host);
}

/** Whether `host` stands for all interfaces, `other` being of the same family; `::` is of both. */
function isEvery(host: string, other: string): boolean {
  return host === "::" || (host === "0.0.0.0" && !other.includes(":"));
}
