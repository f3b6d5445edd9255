// How the options of TLS depend on each other and on where a node listens, and the forms of their
// values. Files are read elsewhere and play no part.

import { expect, test } from "bun:test";
import { ConfigError } from "../../../src/base/errors.ts";
import { loadConfig } from "../../../src/config/config.ts";

const load = (flags: Record<string, string>) => loadConfig(flags, {}, () => "");
const served = { "tls-port": "5443", "tls-cert-file": "a", "tls-key-file": "b" };

test.each([
  [
    "a node that would follow itself by TLS",
    { ...served, leaderaddr: ":5443" },
    "--leaderaddr: 127.0.0.1:5443 is this node itself (--listenaddr)",
  ],
  [
    "a port without a host",
    { ...served, listenaddr: "none", "unix-socket": "/x" },
    "--tls-port: needs a host in --listenaddr; --tls-only serves TLS alone",
  ],
  [
    "replication without anybody to trust",
    { "tls-replication": "yes" },
    "--tls-replication: needs --tls-ca-cert-file or --tls-ca-cert-dir",
  ],
  [
    "a port that is none",
    { ...served, "tls-port": "some" },
    '--tls-port: "some" is not a whole number from 0 to 65535',
  ],
])("%s is refused in a sentence", (_, flags, sentence) => {
  expect(() => load(flags as Record<string, string>)).toThrow(ConfigError);
  expect(() => load(flags as Record<string, string>)).toThrow(sentence);
});

test("versions are read in any case, and shown as Redis does", () => {
  const { tlsProtocols } = load({ "tls-protocols": " tlsv1.3  TLSv1.2 " });
  expect(tlsProtocols).toEqual(["TLSv1.3", "TLSv1.2"]);
});
