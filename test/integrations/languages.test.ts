/**
 * Caches, sessions and clients of other languages, unchanged, as Debian has them: each program of
 * this folder does what the documents of one show, asserts what it gets, and ends with 0.
 * Skipped where Debian's package is not installed; in CI that is a mistake of the set-up.
 */
import { expect, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { caseMsMax, freePort, temporaryDirectory, waitFor } from "../harness.ts";
import { type Bench, integration } from "./stock.ts";

setDefaultTimeout(caseMsMax);

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly sends: string;
  /** Packages of Debian that it needs. */
  readonly needs: string;
  /** Commands that it asks for by mistake: it makes up for the error. */
  readonly unknown?: number;
  /** Scripts that it asks for by their SHA1 before it has sent them. */
  readonly unloaded?: number;
  /** The database of its documents' example; 0 if absent. */
  readonly database?: number;
}

const python = ["/usr/bin/python3"];

const programs: readonly Program[] = [
  {
    name: "redis-py with hiredis",
    command: [...python, "redis-py.py"],
    sends: "SET GET GETEX MULTI EXEC WATCH SUBSCRIBE PSUBSCRIBE PUBLISH SCAN INCRBY EXPIRE",
    needs: "python3-redis python3-hiredis",
  },
  {
    name: "django-redis",
    command: [...python, "django.py"],
    database: 1,
    sends: "SET GET MGET DEL EXPIRE PEXPIRE PERSIST TTL PTTL SCAN KEYS EVAL EVALSHA SCRIPT|LOAD",
    unloaded: 3,
    needs: "python3-django-redis",
  },
  {
    name: "Flask-Caching",
    command: [...python, "flask.py"],
    sends: "SETEX GET MGET DEL INCRBY EXISTS",
    needs: "python3-flask-caching python3-redis",
  },
  {
    name: "Flask-Limiter",
    command: [...python, "flask-limiter.py"],
    sends: "EVALSHA SCRIPT|LOAD GET TTL INCRBY EXPIRE DEL",
    unloaded: 2,
    needs: "python3-flask-limiter python3-limits python3-redis",
  },
  {
    name: "Celery's results",
    command: [...python, "celery.py"],
    sends: "SETEX PUBLISH SUBSCRIBE GET DEL MULTI EXEC",
    needs: "python3-celery python3-redis",
  },
  {
    name: "Rails' RedisCacheStore",
    command: ["ruby", "rails.rb"],
    sends: "SET GET MGET INCRBY DECRBY EXPIRE TTL SCAN DEL",
    needs: "ruby-activesupport ruby-redis",
  },
  {
    name: "Symfony's RedisAdapter",
    command: ["php", "symfony.php"],
    sends: "SETEX MGET UNLINK SCAN EXISTS",
    needs: "php-cli php-redis php-symfony-cache",
  },
  {
    name: "Predis",
    command: ["php", "predis.php"],
    sends: "SET SETEX GET MGET MSET INCRBY MULTI EXEC WATCH SCAN SUBSCRIBE PUBLISH FLUSHDB",
    needs: "php-cli php-predis",
  },
  {
    name: "PHP's sessions by phpredis",
    command: ["php", "php-sessions.php"],
    sends: "GET SETEX DEL SET EVALSHA EVAL",
    unloaded: 1,
    needs: "php-cli php-redis",
  },
  {
    name: "Laravel's cache",
    command: ["php", "laravel.php"],
    database: 1,
    sends: "SETEX GET MGET INCRBY DECRBY SET DEL MULTI EXEC FLUSHDB EVAL",
    needs: "php-cli php-redis php-illuminate-cache php-illuminate-container php-illuminate-redis",
  },
  {
    name: "redigo",
    command: ["go", "run", "redigo.go"],
    sends: "SET GET MSET INCRBY MULTI EXEC SUBSCRIBE PUBLISH",
    needs: "golang-go golang-github-gomodule-redigo-dev",
  },
];

/** Debian's Go finds Debian's packages only in this way. */
const environment = {
  ...process.env,
  ...{ GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "-p=1" },
  ...{ PYTHONDONTWRITEBYTECODE: "1" },
};

async function run({ command, database = 0 }: Program, bench: Bench): Promise<void> {
  const child = Bun.spawn([...command, `${bench.port}`, `${database}`], {
    cwd: import.meta.dir,
    env: environment,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([await child.exited, output, errors]).toEqual([0, output, errors]);
  if (database !== 0) expect(await bench.ask("DBSIZE")).toBe(0);
}

function missing({ needs }: Pick<Program, "needs">): string {
  const absent = needs.split(" ").filter((name) => !isInstalled(name));
  if (absent.length > 0 && process.env.CI === "true") {
    throw new Error(`${absent.join(" ")} is not installed, and in CI (CI=true) it must be`);
  }
  return absent.join(" ");
}

/** Debian keeps a list of the files of each package, some with the architecture in its name. */
function isInstalled(name: string): boolean {
  const pattern = new Bun.Glob(`${name}{,:*}.list`);
  const lists = "/var/lib/dpkg/info";
  return existsSync(lists) && !pattern.scanSync({ cwd: lists }).next().done;
}

for (const program of programs) {
  const { name, sends, unknown = 0, unloaded = 0 } = program;
  const expected = { sends, unknown, unloaded, lacks: missing(program) };
  integration(name, expected, (bench) => run(program, bench));
}

integration(
  "libvmod-redis in Varnish",
  {
    sends: "ROLE INCR SET GET EVALSHA EVAL",
    unloaded: 1,
    lacks: missing({ needs: "varnish varnish-redis" }),
  },
  async (bench) => {
    const directory = await temporaryDirectory();
    bench.after(() => directory[Symbol.asyncDispose]());
    const program = await Bun.file(join(import.meta.dir, "varnish.vcl")).text();
    const path = join(directory.path, "node.vcl");
    await Bun.write(path, program.replace("6379", `${bench.port}`));
    const address = `127.0.0.1:${await freePort()}`;
    const command = [
      "varnishd",
      "-j",
      "none",
      "-F",
      "-a",
      address,
      "-n",
      directory.path,
      "-f",
      path,
    ];
    const child = Bun.spawn([...command, "-s", "malloc,1m"], { stdout: "ignore", stderr: "pipe" });
    bench.after(() => child.exited);
    bench.after(() => child.kill());
    const visit = async (where: string) => (await fetch(`http://${address}${where}`)).text();
    expect(await waitFor(() => visit("/a"))).toBe("/a 1 1");
    expect([await visit("/b"), await visit("/a")]).toEqual(["/b 1 2", "/a 2 3"]);
    expect(await bench.ask("TTL", "seen")).toBeWithin(1, 61);
  },
);
