// The addresses given to connect(): host:port and URLs. Several addresses name the nodes of one
// group, to which the client logs in the same way, so what their URLs say must not differ. Nothing
// is opened here.
// Invariant: no message shows a password.

import { type Address, withoutLogin } from "../../base/address.ts";
import {
  formatPlace,
  isServerUrl,
  type Place,
  parseServerUrl,
  type ServerUrl,
} from "../../base/place.ts";
import { reasonOf } from "../../base/reason.ts";
import { wrongKind } from "../arguments.ts";
import { InvalidArgumentError } from "../client-errors.ts";

/** What the URLs among the addresses say for all of them. An address of host:port says nothing. */
export type Said = Partial<Pick<ServerUrl, "isTls" | "username" | "password" | "database">>;

export interface Addresses {
  readonly places: readonly Place[];
  readonly said: Said;
}

const defaultAddress = "127.0.0.1:5000";
/** The longest domain name that DNS allows, in characters. */
const hostLengthMax = 253;
/** The three forms of host:port. An IPv6 address may include an interface: fe80::1%eth0. */
const addressPattern = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s\p{Cc}]*)):(\d{1,5})$/u;

/** @internal */
export function readAddresses(addresses: string | readonly string[] = defaultAddress): Addresses {
  const list: readonly unknown[] = Array.isArray(addresses) ? addresses : [addresses];
  if (list.length === 0) throw new InvalidArgumentError("addresses is an empty list");
  const places = new Map<string, Place>();
  const said: { -readonly [K in keyof Said]: Said[K] } = {};
  for (let i = 0; i < list.length; i++) {
    const name = Array.isArray(addresses) ? `addresses[${i}]` : "address";
    const { place, url } = readOne(name, list[i]);
    places.set(formatPlace(place), place);
    if (url !== null) agree(said, url, name);
  }
  return { places: [...places.values()], said };
}

/** Reads "host:port", ":port" or "[v6]:port". An IPv6 address needs its brackets. @internal */
export function parseAddress(text: string, name = "address"): Address {
  const match = addressPattern.exec(text);
  const host = match?.[1] ?? (match?.[2] || "127.0.0.1");
  const port = Number(match?.[3]);
  const shown = JSON.stringify(withoutLogin(text).slice(0, hostLengthMax));
  if (match !== null && !(port >= 1 && port <= 65_535)) {
    throw new InvalidArgumentError(`${name} ${shown} has no port from 1 to 65535`);
  }
  if (match === null) {
    throw new InvalidArgumentError(
      `${name} ${shown} is not "host:port", ":port", "[v6 address]:port" or a URL`,
    );
  }
  if (host.length > hostLengthMax) {
    throw new InvalidArgumentError(`${name} has a host of more than ${hostLengthMax} characters`);
  }
  return { host, port };
}

// --- internal ---

/** The place, and the URL if it is one. */
function readOne(name: string, text: unknown): { place: Place; url: ServerUrl | null } {
  if (typeof text !== "string") throw wrongKind(name, "a string", text);
  if (!isServerUrl(text)) return { place: parseAddress(text, name), url: null };
  try {
    const url = parseServerUrl(text);
    const { host, port, unixPath } = url;
    return { place: unixPath === undefined ? { host, port } : { host, port, unixPath }, url };
  } catch (cause) {
    throw new InvalidArgumentError(`${name}: ${reasonOf(cause)}`);
  }
}

/** A login for one node, sent in the clear to another or not at all, would be a surprise. */
function agree(said: { -readonly [K in keyof Said]: Said[K] }, url: ServerUrl, name: string): void {
  const { isTls, username, password, database } = url;
  for (const [what, value] of Object.entries({ isTls, username, password, database })) {
    const key = what as keyof Said;
    if (value === undefined) continue;
    if (said[key] !== undefined && said[key] !== value) {
      const shown = key === "isTls" ? "TLS" : key;
      throw new InvalidArgumentError(`${name} says something else about the ${shown}`);
    }
    Object.assign(said, { [key]: value });
  }
}
