// The options of the admin HTTP server, as rows of the table in options.ts: where it listens, and
// under which names browsers may reach it. A node listens for HTTP only if it is told to.

import { type Address, isHost } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import type { Option } from "./option.ts";
import { formatAddressList, parseAddressList } from "./values.ts";

export interface AdminConfig {
  readonly http: readonly Address[];
  readonly https: readonly Address[];
  /** Lower case, without ports. */
  readonly httpHosts: readonly string[];
}

export const adminOptions: { readonly [Key in keyof AdminConfig]: Option<AdminConfig[Key]> } = {
  http: {
    name: "http",
    environment: "MSCACHE_HTTP",
    group: "Admin",
    hint: "ADDR[,ADDR]",
    default: "none",
    doc: "Addresses of the admin HTTP server: health, metrics, keys; `:9121` means all interfaces.",
    change: "restart",
    parse: parseAddressList,
    format: formatAddressList,
    redis: [],
  },
  https: {
    name: "https",
    environment: "MSCACHE_HTTPS",
    group: "Admin",
    hint: "ADDR[,ADDR]",
    default: "none",
    doc: "The same by TLS, with the certificates and the rules for clients of the `tls-` options.",
    change: "restart",
    parse: parseAddressList,
    format: formatAddressList,
    redis: [],
  },
  httpHosts: {
    name: "http-hosts",
    environment: "MSCACHE_HTTP_HOSTS",
    group: "Admin",
    hint: "HOST[,HOST]",
    default: "",
    doc: "Further names, without ports, by which HTTP clients may call the node; IP addresses are always allowed.",
    change: "applies",
    parse: parseHosts,
    format: (hosts) => hosts.join(","),
    redis: [],
  },
};

function parseHosts(text: string): string[] {
  const hosts = text.split(",").map((host) => host.trim().toLowerCase());
  if (hosts.length === 1 && hosts[0] === "") return [];
  for (const host of hosts) {
    if (!isHost(host) || host.includes(":")) {
      throw new ConfigError(
        `"${host}" is not a host name; write names without ports, as in a.b,c.d`,
      );
    }
  }
  return hosts;
}
