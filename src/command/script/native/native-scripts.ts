// Scripts that many packages bring, run as code of ours: recognised by their SHA1, they need no VM.
// What is not the plain case runs in the VM: other arguments, a user with rules, a follower, a
// script that may only read. The table tells what each means; its text is its package's.
// Invariant: replies, data, effects and statistics are those of the VM.

import { latin1Bytes } from "../../../base/bytes.ts";
import type { Reply } from "../../../protocol/reply.ts";
import type { Request } from "../../../protocol/request.ts";
import type { Context } from "../../core/context.ts";
import { sha1Of } from "../vm/redis-library.ts";
import { unlockScript, windowScript } from "./idioms.ts";
import {
  addInWindow,
  consume,
  countAndReset,
  countSeconds,
  countUpTo,
  fixedWindow,
  readWindow,
  throttle,
} from "./limiters.ts";
import {
  acquireAll,
  add,
  addToExisting,
  compareAndSet,
  extendAll,
  refresh,
  refreshSeconds,
  releaseAll,
  unlock,
} from "./locks.ts";
import { CallFailed, NativeCalls } from "./native-calls.ts";

/** False: it has done nothing, and the script must run in the VM. */
export type Program = (calls: NativeCalls, reply: Reply) => boolean;

const programs: ReadonlyMap<string, Program> = new Map([
  [sha1Of(latin1Bytes(unlockScript)), unlock],
  [sha1Of(latin1Bytes(windowScript)), countSeconds],
  // GET equals ARGV[1]: DEL.
  ["647c65a442733a1aa440f99908d249d13b4d6c4a", unlock], // Laravel, redlock 3
  ["a50243715157b186c5162c69e02eff3bf0c7994a", unlock], // Laravel's funnel
  ["b70c2384248f88e6b75b9f89241a180f856ad852", unlock], // phpredis
  ["cf0e94b2e9ffc7e04395cf88f7583fc309985910", unlock], // Nextcloud
  ["7157921a7cc7cfba979acf6d63f073151df17d12", unlock], // redis-semaphore
  ["c3f8721cbb97f72bc19e972846bd7aaf91901658", unlock], // redis-py, django-redis, Celery
  ["d10461dc5ff043322a9d59734d0285f83706c732", unlock], // cashews
  ["a0b59436cc046114766453c42adbb4c9c62ca99c", unlock], // Medusa
  ["5cc368fb92acd8fee3a986dc8e971d6cf28c3b44", unlock], // Warlock
  // GET equals ARGV[1]: SET ARGV[2], PEXPIRE ARGV[2], EXPIRE ARGV[2].
  ["94eac401502554c02b811e3199baddde62d976d4", compareAndSet], // Nextcloud
  ["594683e49a64ebaf975caf5f8079a1d097c438f1", refresh], // redis-semaphore
  ["1cac51482acf5858da00f6d685d68f886cd6b6b2", refresh], // redis-py
  ["fa4acbc946d23ef41d7d3910880b60e6e4972d72", refreshSeconds], // Nextcloud
  // All of KEYS, or none: SET ARGV[1] PX ARGV[2] where none is, or where all have ARGV[1]; DEL.
  ["e5a322e2634ef59a516e8ea150cb085afafee684", acquireAll], // redlock 4
  ["96da70f7716f27d278a5218544df37fd8b0a5e4c", acquireAll], // redlock 5
  ["ce46f80993d5dac20dd066eb301a4e37994bdbed", extendAll], // redlock 4
  ["aed6f382e410db8ba7926d4e5e9aab410bf2a78a", extendAll], // redlock 5
  ["0f0f23b9048b36752b5be114f357ba083449f908", releaseAll], // redlock 4
  ["e4612211c9f8f51c257e26e056b0a654b3187242", releaseAll], // redlock 5
  // Where no key is, SETEX; where one is, INCRBY.
  ["a08c9c69b7c07ae2485190873b90d128a23e502d", add], // Laravel
  ["f4a7da3e5d8ea3b46642af08427151cae0190400", addToExisting], // django-redis
  // Windows of time.
  ["895b92e1712734e1b464999be23953485475357b", fixedWindow], // rate-limit-redis
  ["6aeb97ed6086dcdeafdc6fda3999a0d0e38ec96a", readWindow], // rate-limit-redis, hono-rate-limiter
  ["3f424a504987d231baa2e19159bb5def8ad32f87", countAndReset], // hono-rate-limiter
  ["a1de965f42e177aa339706bd580f049065eca79a", consume], // rate-limiter-flexible, Directus
  ["b8a19d47785922bb04e7a9fdb49e90d89be1b8af", countUpTo], // @fastify/rate-limit
  ["f1e0da9c495676ab6904eb80db1f2811d5347f58", throttle], // Nest's throttler
  ["628bd136a573a06b346879695681af12ccef300f", addInWindow], // limits, flask-limiter
  ["ebd3cc05b1e73798b9e59a5db2d6c5dc10c862cc", countSeconds], // better-auth
]);

/** The program that means the same as the script with this SHA1. */
function programOf(sha: string): Program | undefined {
  return programs.get(sha);
}

/** Runs programs for one thread. They are named by numbers, from 0 on. */
export class NativeScripts {
  private readonly find: (sha: string) => Program | undefined;
  private readonly found: Program[];
  private readonly calls: NativeCalls;

  constructor(find = programOf) {
    this.find = find;
    this.found = [];
    this.calls = new NativeCalls();
  }

  /** The number of the program for a script; -1: there is none. */
  numberOf(sha: string): number {
    const program = this.find(sha);
    if (program === undefined) return -1;
    const known = this.found.indexOf(program);
    return known >= 0 ? known : this.found.push(program) - 1;
  }

  /** False: nothing has been done, and the script must run in the VM. */
  run(
    number: number,
    x: Context,
    request: Request,
    firstKey: number,
    keyCount: number,
    reply: Reply,
  ): boolean {
    const { session } = x;
    if (!session.isTrusted || x.standing.restrictions !== 0) return false;
    const { calls } = this;
    const { isExecuting } = session;
    calls.begin(x, request, firstKey, keyCount);
    session.isExecuting = true;
    x.observer.isInScript = true;
    try {
      return this.found[number](calls, reply);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      if (error.reply === null) return false;
      reply.error(error.reply);
      return true;
    } finally {
      session.isExecuting = isExecuting;
      x.observer.isInScript = false;
      if (calls.hasGroup) x.effects.close();
      calls.end();
    }
  }
}
