// The file of a Unix socket: who may bind it, and its end. A socket is bound under a name beside
// its own and then renamed, so that nobody meets it with another mode, and one that a killed node
// left is replaced in one step.
// Invariant: a file that is not a socket, and a socket on which somebody listens, are left alone;
// the file is removed only by the node that made it.

import { chmodSync, lstatSync, renameSync, type Stats, unlinkSync } from "node:fs";
import { codeOf, reasonOf } from "../../base/reason.ts";
import { ListenError } from "./listen-error.ts";

/** Rejects with a ListenError if the path has something that must not be replaced. */
export async function assertReplaceable(path: string): Promise<void> {
  if (process.platform === "win32") throw refused(path, "Windows has no such file");
  const present = look(path);
  if (present === null) return;
  if (!present.isSocket()) throw refused(path, "a file that is no socket has this name");
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
  } catch (cause) {
    if (["ECONNREFUSED", "ENOENT"].includes(codeOf(cause))) return; // nobody listens
    throw refused(path, reasonOf(cause));
  }
  throw refused(path, "another process listens on it");
}

export class UnixSocketFile {
  private readonly path: string;
  private readonly made: Stats;

  /** `bind` gets a name and binds it; the socket then gets its mode (0: the umask's) and path. */
  constructor(path: string, mode: number, bind: (name: string) => void) {
    const name = `${path}~`;
    try {
      if (look(name)?.isSocket()) unlinkSync(name);
      bind(name);
      if (mode !== 0) chmodSync(name, mode);
      renameSync(name, path);
      this.made = lstatSync(path);
    } catch (cause) {
      // The runtime's message would show the other name.
      const isAbsent = codeOf(cause) === "ENOENT";
      throw refused(path, isAbsent ? "its directory does not exist (ENOENT)" : reasonOf(cause));
    }
    this.path = path;
  }

  /** Another node may have taken the path meanwhile; its file stays. */
  remove(): void {
    const present = look(this.path);
    if (present?.ino !== this.made.ino || present.dev !== this.made.dev) return;
    try {
      unlinkSync(this.path);
    } catch {
      // It stays, as after a kill, and the next node replaces it.
    }
  }
}

/** Null if there is nothing, or nothing that this user may see. */
function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null; // binding it then says what is wrong
  }
}

function refused(path: string, reason: string): ListenError {
  return new ListenError(`cannot listen on ${path}: ${reason}`);
}
