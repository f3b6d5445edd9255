// The configuration as a function of flags, environment and file: precedence, defaults, the
// sentence for each mistake, the parts it is read with, and the names by which CONFIG knows it. No
// file and no environment of this machine is touched.

import { describe, expect, test } from "bun:test";
import { formatAddress, parseAddress } from "../../../src/base/address.ts";
import { ConfigError } from "../../../src/base/errors.ts";
import { memoryBoundBytes } from "../../../src/base/system-memory.ts";
import {
  type Config,
  loadConfig,
  misnamedVariables,
  type OptionValues,
  optionMeantBy,
  options,
} from "../../../src/config/config.ts";
import { parseConfigFile } from "../../../src/config/file.ts";
import {
  formatSize,
  parseAddressList,
  parseLeaderAddress,
  parseSize,
} from "../../../src/config/values.ts";
import { sentence } from "./mistake.ts";

const gb = 1024 ** 3;
const mb = 1024 ** 2;
type Texts = Record<string, string | undefined>;

function load(flags: Texts = {}, environment: Texts = {}, file = ""): Config {
  return loadConfig(flags, environment, () => file, 8 * gb);
}

describe("the source of a value", () => {
  test("without any source every option has its documented default", () => {
    expect(load()).toEqual({
      listenAddr: [{ host: "127.0.0.1", port: 5000 }],
      leaderAddr: null,
      configFile: "",
      maxMemory: 4048 * mb,
      reserve: 8096 * mb,
      maxValueSize: 64 * mb,
      maxClientMemory: 1012 * mb,
      requestLimit: 1 * gb,
      outputLimits: {
        normal: { hardBytes: gb, softBytes: 0, softSeconds: 0 },
        follower: null,
        pubsub: { hardBytes: 32 * mb, softBytes: 8 * mb, softSeconds: 60 },
      },
      eviction: "s3fifo",
      ...{ http: [], https: [], httpHosts: [] },
      threads: 1,
      ...{ databases: 16, hllSparseBytesMax: 3000 },
      notifyKeyspaceEvents: "",
      trackingTableMaxKeys: 1_000_000,
      password: "",
      ...{ aclFile: "", aclAllChannels: false, denialLogMaxLen: 128, users: [], leaderUser: "" },
      inFile: new Map(),
      leaderPassword: "",
      ...{ logLevel: "info", logFormat: "text" },
      journalSize: 128 * mb,
      followerBuffer: 256 * mb,
      minFollowersToWrite: 0,
      ...{ minFollowersMaxLag: 10, pingInterval: 10 },
      staleReads: true,
      otherTypes: "skip",
      maxClients: 10_000,
      announceIp: "",
      announcePort: 0,
      followerPriority: 100,
      tcpKeepAlive: 300,
      protectedMode: true,
      unixSocket: "",
      ...{ unixSocketPerm: 0, debugCommand: "no" },
      tlsPort: 0,
      tlsOnly: false,
      tlsCertFile: "",
      tlsKeyFile: "",
      tlsKeyFilePass: "",
      tlsClientCertFile: "",
      tlsClientKeyFile: "",
      tlsClientKeyFilePass: "",
      tlsCaCertFile: "",
      tlsCaCertDir: "",
      tlsAuthClients: "yes",
      tlsProtocols: [],
      tlsCiphers: "",
      tlsReplication: false,
      idleTimeout: 0,
      slowLogSlowerThan: 10_000,
      slowLogMaxLen: 128,
      busyReplyThreshold: 5000,
      latencyMonitorThreshold: 0,
      latencyTracking: true,
      latencyPercentiles: [50, 99, 99.9],
      missCurve: false,
      ...{ snapshotFile: "", snapshotInterval: 0, snapshotCorrupt: "refuse", shutdownTimeout: 5 },
    });
  });

  test("a flag overrides the environment, which overrides the file", () => {
    const file = "threads 2\nmax-clients 22\nidle-timeout 222";
    const environment = { MSCACHE_THREADS: "3", MSCACHE_MAX_CLIENTS: "33" };
    const config = load({ config: "x.conf", threads: "4" }, environment, file);
    expect([config.threads, config.maxClients, config.idleTimeout]).toEqual([4, 33, 222]);
  });

  test("the first MSCache's environment variables are known", () => {
    const config = load({}, { MSCACHE_LISTENADDRESS: ":7000", MSCACHE_LEADERADDRESS: "a:1" });
    expect(config.listenAddr).toEqual([{ host: "0.0.0.0", port: 7000 }]);
    expect(config.leaderAddr).toEqual({ host: "a", port: 1 });
  });

  test("the environment may name the file, and the flag names another", () => {
    const read = (path: string) => (path === "a" ? "threads 5" : "threads 6");
    expect(loadConfig({}, { MSCACHE_CONFIG: "a" }, read, gb).threads).toBe(5);
    expect(loadConfig({ config: "b" }, { MSCACHE_CONFIG: "a" }, read, gb).threads).toBe(6);
  });

  test("an empty environment variable counts as absent, an empty flag does not", () => {
    expect(load({}, { MSCACHE_THREADS: "" }).threads).toBe(1);
    expect(sentence(() => load({ threads: "" }))).toStartWith("--threads: ");
  });

  test("variables that an orchestrator sets for a service called mscache are ignored", () => {
    expect(() => load({}, { MSCACHE_PORT: "tcp://10.0.0.1:5000" })).not.toThrow();
  });

  test("in a file the last line wins, as in Redis", () => {
    expect(load({ config: "x" }, {}, "threads 2\nthreads 3\n").threads).toBe(3);
  });

  test("the reserve is twice the limit, and neither exceeds what locations can address", () => {
    expect(load({ "max-memory": "1gb" }).reserve).toBe(2 * gb);
    const large = loadConfig({}, {}, () => "", 1024 * gb);
    expect([large.maxMemory, large.reserve]).toEqual([32 * gb, 32 * gb]);
    expect(loadConfig({}, {}, () => "", mb).maxMemory).toBe(mb);
  });

  test("every option can be set by flag, environment and file alike", () => {
    const texts: Record<keyof OptionValues, string> = {
      listenAddr: "127.0.0.1:1,[::1]:2",
      leaderAddr: "leader:3",
      configFile: "x.conf",
      maxMemory: "100mb",
      reserve: "300mb",
      maxValueSize: "1mb",
      maxClientMemory: "9mb",
      requestLimit: "90mb",
      outputLimits: "normal 1mb 0 0 replica 64mb 16mb 30 pubsub 2mb 1mb 5",
      eviction: "none",
      ...{ http: "127.0.0.1:9121", https: "[::1]:9122", httpHosts: "cache.example,cache" },
      threads: "2",
      ...{ databases: "3", hllSparseBytesMax: "100" },
      notifyKeyspaceEvents: "AKE",
      trackingTableMaxKeys: "5",
      password: "a b",
      ...{ aclFile: "users.acl", aclAllChannels: "allchannels", denialLogMaxLen: "9" },
      leaderUser: "copy",
      leaderPassword: "c#d",
      ...{ logLevel: "warn", logFormat: "json" },
      journalSize: "2mb",
      followerBuffer: "3mb",
      minFollowersToWrite: "1",
      ...{ minFollowersMaxLag: "3", pingInterval: "7" },
      staleReads: "no",
      otherTypes: "refuse",
      maxClients: "5",
      announceIp: "10.1.1.1",
      announcePort: "6",
      followerPriority: "8",
      tcpKeepAlive: "9",
      protectedMode: "no",
      unixSocket: "/x/mscache.sock",
      ...{ unixSocketPerm: "770", debugCommand: "local" },
      tlsPort: "0",
      tlsOnly: "no",
      tlsCertFile: "/x/node.crt",
      tlsKeyFile: "/x/node.key",
      tlsKeyFilePass: "e f",
      tlsClientCertFile: "/x/link.crt",
      tlsClientKeyFile: "/x/link.key",
      tlsClientKeyFilePass: "g",
      tlsCaCertFile: "/x/ca.crt",
      tlsCaCertDir: "/x/cas",
      tlsAuthClients: "optional",
      tlsProtocols: "TLSv1.3",
      tlsCiphers: "ECDHE+AESGCM",
      tlsReplication: "yes",
      idleTimeout: "7",
      slowLogSlowerThan: "-1",
      slowLogMaxLen: "5",
      busyReplyThreshold: "5",
      latencyMonitorThreshold: "20",
      latencyTracking: "no",
      latencyPercentiles: "50 99.99",
      missCurve: "yes",
      ...{ snapshotFile: "/x/dump.rdb", snapshotInterval: "60", snapshotCorrupt: "ignore" },
      shutdownTimeout: "9",
    };
    const rows = (Object.keys(options) as (keyof OptionValues)[]).map((key) => {
      return [key, options[key].name, options[key].environment, texts[key]] as const;
    });
    const byFlag = load(Object.fromEntries(rows.map(([, name, , text]) => [name, text])));
    const byVariable = load({}, Object.fromEntries(rows.map(([, , name, text]) => [name, text])));
    const lines = rows.filter(([key]) => key !== "configFile");
    const file = lines.map(([, name, , text]) => `${name} ${text}`).join("\n");
    const byFile = load({ config: "x.conf" }, {}, file);
    expect(byVariable).toEqual(byFlag);
    expect(byFile).toEqual({ ...byFlag, inFile: byFile.inFile });
    expect([...byFile.inFile.keys()]).toEqual(lines.map(([, name]) => name));
    for (const [key, , , text] of rows) {
      const format = options[key].format as (value: OptionValues[keyof OptionValues]) => string;
      expect(format(byFlag[key])).toBe(text);
    }
  });
});

describe("a name that is none of ours", () => {
  test.each([
    ["maxmemory", "max-memory"],
    ["MAXMEMORY", "max-memory"],
    ["requirepass", "password"],
    ["slaveof", "leaderaddr"],
    ["listen-adr", "listenaddr"],
    ["snapshot", "snapshot-file"],
    ["appendonly", null],
    ["dir", null],
  ])("%s: %p", (name, meant) => {
    expect(optionMeantBy(name)).toBe(meant);
  });

  test("is told of a variable if it is nearly one of ours, and not of those of an orchestrator", () => {
    const ours = { MSCACHE_LISTENADDR: ":1", MSCACHE_MAXMEMORY: "64mb", MSCACHE_THREADS: "2" };
    const others = {
      ...{ MSCACHE_PORT: "tcp://10.0.0.1:5000", MSCACHE_PORT_5000_TCP: "tcp://10.0.0.1:5000" },
      ...{ MSCACHE_PORT_5000_TCP_ADDR: "10.0.0.1", MSCACHE_SERVICE_HOST: "10.0.0.1" },
      ...{ MSCACHE_SERVICE_PORT: "5000", MSCACHE_CLI_HISTORY: "", MSCACHE_TEST_LONG: "1" },
      ...{ MSCACHE_SOURCE_PASSWORD: "a", LISTENADDR: ":1" },
    };
    expect(misnamedVariables({ ...ours, ...others })).toEqual([
      ["MSCACHE_LISTENADDR", "MSCACHE_LISTENADDRESS"],
      ["MSCACHE_MAXMEMORY", "MSCACHE_MAX_MEMORY"],
    ]);
  });
});

describe("mistakes", () => {
  test.each<[string, () => unknown, string]>([
    ["an unknown flag", () => load({ maxmem: "1" }), "--maxmem: unknown option"],
    [
      "a bad size",
      () => load({ "max-memory": "12xb" }),
      '--max-memory: "12xb" is not a size; write bytes or a unit, as in 512mb or 2gb',
    ],
    [
      "a size below the minimum",
      () => load({}, { MSCACHE_MAX_MEMORY: "1kb" }),
      'MSCACHE_MAX_MEMORY: "1kb" is below the minimum of 1mb',
    ],
    [
      "a size above the maximum",
      () => load({ reserve: "33gb" }),
      '--reserve: "33gb" is above the maximum of 32gb',
    ],
    [
      "a bad address",
      () => load({ listenaddr: "5000" }),
      '--listenaddr: "5000" is not an address; write host:port, :port or [::1]:port ' +
        "with a port up to 65535",
    ],
    [
      "a leader on port 0",
      () => load({ leaderaddr: "a:0" }),
      '--leaderaddr: "a:0" has port 0, which no leader can have',
    ],
    [
      "an address listed twice",
      () => load({ listenaddr: ":1,:1" }),
      '--listenaddr: "0.0.0.0:1" is listed twice',
    ],
    [
      "a word that is none of the list",
      () => load({ eviction: "lru" }),
      '--eviction: "lru" is not one of s3fifo, none',
    ],
    [
      "a number out of range",
      () => load({ "announce-port": "70000" }),
      '--announce-port: "70000" is not a whole number from 0 to 65535',
    ],
    [
      "a limit above the reserve",
      () => load({ "max-memory": "2gb", reserve: "1gb" }),
      "--max-memory: 2gb is above the reserve of 1gb; start the node with a larger --reserve",
    ],
    [
      "a node that would follow itself",
      () => load({ leaderaddr: ":5000" }),
      "--leaderaddr: 127.0.0.1:5000 is this node itself (--listenaddr)",
    ],
    [
      "an unknown name in the file",
      () => load({ config: "x.conf" }, {}, "# a\n\nport 5"),
      "x.conf line 3, port: unknown option in a configuration file; did you mean listenaddr?",
    ],
    [
      "a file that names a file",
      () => load({ config: "x.conf" }, {}, "config y.conf"),
      "x.conf line 1, config: unknown option in a configuration file",
    ],
    [
      "a bad value in the file",
      () => load({ config: "x.conf" }, {}, "threads many"),
      'x.conf line 1, threads: "many" is not a whole number from 1 to 64',
    ],
    [
      "a name without a value",
      () => load({ config: "x.conf" }, {}, "threads"),
      'x.conf line 1: "threads" has no value; write: name value',
    ],
    [
      "a quote that does not close",
      () => load({ config: "x.conf" }, {}, 'password "a'),
      "x.conf line 1: the value of password starts with a quote but is not a quoted string",
    ],
  ])("%s is one sentence that names the place and the value", (_, run, expected) => {
    expect(sentence(run)).toBe(expected);
  });

  test("a file that cannot be read is named with the reason", () => {
    const read = () => {
      throw Object.assign(new Error("ENOENT: no such file, stat 'x'"), { code: "ENOENT" });
    };
    const message = sentence(() => loadConfig({ config: "x" }, {}, read, gb));
    expect(message).toBe('--config: "x" cannot be read: no such file (ENOENT)');
  });
});

describe("sizes and addresses", () => {
  test.each([
    ["0", 0],
    ["1024", 1024],
    ["1b", 1],
    ["1k", 1000],
    ["1kb", 1024],
    ["512mb", 512 * mb],
    ["2GB", 2 * gb],
    [" 3m ", 3_000_000],
    ["1tb", 1024 * gb],
  ])("%p is a size", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "mb", "-1", "1.5gb", "1 gb", "1x", "0x10", "1e3", "99999999999tb"])(
    "%p is no size",
    (text) => {
      expect(() => parseSize(text)).toThrow(ConfigError);
    },
  );

  test("a formatted size parses to the same number of bytes", () => {
    for (const bytes of [0, 1, 1000, 1024, 1536, 5 * mb, 5 * mb + 1, 3 * gb, 2048 * gb]) {
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    }
    expect([formatSize(1536 * 1024), formatSize(2 * gb)]).toEqual(["1536kb", "2gb"]);
  });

  test.each([
    ["127.0.0.1:5000", "127.0.0.1", 5000],
    ["cache-1.example.com:1", "cache-1.example.com", 1],
    [":0", "0.0.0.0", 0],
    ["[::1]:65535", "::1", 65_535],
    ["[fe80::1%eth0]:7", "fe80::1%eth0", 7],
  ])("%p is an address", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
  });

  test.each([
    "",
    "5000",
    "a",
    "a:",
    "a:65536",
    "a:-1",
    "::1:5000",
    "[::1]",
    "a b:1",
    "a:1x",
    "[]:1",
  ])("%p is not an address", (text) => {
    expect(() => parseAddress(text)).toThrow(ConfigError);
  });

  test("a list of addresses may contain blanks, and port 0 more than once", () => {
    expect(parseAddressList("a:0, a:0,[::1]:3").map(formatAddress)).toEqual([
      "a:0",
      "a:0",
      "[::1]:3",
    ]);
  });

  test("a leader without a host is on this machine, and an empty string means no leader", () => {
    expect(parseLeaderAddress(":5000")).toEqual({ host: "127.0.0.1", port: 5000 });
    expect(parseLeaderAddress("")).toBeNull();
  });
});

describe("the file", () => {
  test("is read line by line, comments and blank lines included", () => {
    const text = '# head\n\n  threads   4  \r\npassword "a \\" b "\nleader-password x # y';
    const lines = parseConfigFile(text, "x");
    expect(lines.map((line) => line.setting)).toEqual([
      null,
      null,
      { name: "threads", value: "4" },
      { name: "password", value: 'a " b ' },
      { name: "leader-password", value: "x # y" },
    ]);
    expect(lines.map((line) => line.number)).toEqual([1, 2, 3, 4, 5]);
  });

  test("a quoted empty value is empty", () => {
    expect(load({ config: "x" }, {}, 'password ""').password).toBe("");
  });
});

describe("the memory that the process may use", () => {
  const bound = (files: Record<string, string>) => {
    const read = (path: string) => {
      const text = files[path];
      if (text === undefined) throw new Error("ENOENT");
      return text;
    };
    return memoryBoundBytes(read, 8 * gb);
  };

  test("is that of the machine if nothing can be read", () => {
    expect(bound({})).toBe(8 * gb);
  });

  test("is the limit of a version 2 group or of any group above it", () => {
    const files = {
      "/proc/self/cgroup": "0::/a/b\n",
      "/sys/fs/cgroup/a/b/memory.max": "max\n",
      "/sys/fs/cgroup/a/memory.max": `${2 * gb}\n`,
    };
    expect(bound(files)).toBe(2 * gb);
  });

  test("is the limit of a version 1 group, found at the root of a container's mount", () => {
    const files = {
      "/proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/docker/123\n0::/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": `${gb}\n`,
    };
    expect(bound(files)).toBe(gb);
  });

  test("is never more than the machine has", () => {
    const files = {
      "/proc/self/cgroup": "2:memory:/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    };
    expect(bound(files)).toBe(8 * gb);
  });
});
