// The signals of a node's process. SIGINT and SIGTERM ask for its orderly end, however often they
// come: Ctrl-C reaches a node twice where `npx` or `bun run` stands above it. What redis-server
// ignores is ignored. Nothing here ends the process: SIGQUIT and SIGKILL do, untouched by us.
// Invariant: while an object of this class lives, none of these signals has its default effect.

export type EndSignal = "SIGINT" | "SIGTERM";

const ending: readonly EndSignal[] = ["SIGINT", "SIGTERM"];
/** A terminal that was closed, a reader that is gone, a timer of somebody else's. */
const ignored: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGHUP"] : ["SIGHUP", "SIGPIPE", "SIGALRM"];

/** How somebody who cannot wait ends a node, for the log. */
export const byForce =
  process.platform === "win32"
    ? "ending the task ends it at once, without saving"
    : "SIGQUIT (Ctrl-\\) or SIGKILL ends it at once, without saving";

export class EndSignals {
  /** Called at each of them. */
  onSignal: ((signal: EndSignal) => void) | null = null;
  readonly #first = Promise.withResolvers<EndSignal>();

  constructor() {
    for (const name of ending) process.on(name, () => this.#received(name));
    for (const name of ignored) process.on(name, () => undefined);
  }

  /** The first one since the start of the process. */
  get first(): Promise<EndSignal> {
    return this.#first.promise;
  }

  #received(signal: EndSignal): void {
    this.#first.resolve(signal);
    this.onSignal?.(signal);
  }
}
