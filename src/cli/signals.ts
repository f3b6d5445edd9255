// The signals of a node's process. SIGINT and SIGTERM request a clean shutdown, however often they
// arrive: under `npx` or `bun run`, one Ctrl-C reaches the node twice. The signals that
// redis-server ignores are ignored, but SIGHUP may do something harmless (onHangUp). Nothing here
// ends the process; SIGQUIT and SIGKILL keep their default effect.
// Invariant: once an EndSignals exists, none of the signals listed here has its default effect.

export type EndSignal = "SIGINT" | "SIGTERM";

const ending: readonly EndSignal[] = ["SIGINT", "SIGTERM"];
/** Sent when the terminal closes, when a pipe has no reader, and when a stray alarm fires. */
const ignored: readonly NodeJS.Signals[] =
  process.platform === "win32" ? ["SIGHUP"] : ["SIGHUP", "SIGPIPE", "SIGALRM"];

/** How to end a node without waiting; for the log. */
export const byForce =
  process.platform === "win32"
    ? "ending the task stops the node at once, without saving"
    : "SIGQUIT (Ctrl-\\) or SIGKILL stops the node at once, without saving";

export class EndSignals {
  /** Called for each SIGINT and SIGTERM. */
  onSignal: ((signal: EndSignal) => void) | null = null;
  /** Called for each SIGHUP, which also comes when the terminal closes. */
  onHangUp: (() => void) | null = null;
  private readonly firstEnd = Promise.withResolvers<EndSignal>();

  constructor() {
    for (const name of ending) process.on(name, () => this.received(name));
    for (const name of ignored) {
      process.on(name, () => {
        if (name === "SIGHUP") this.onHangUp?.();
      });
    }
  }

  /** Resolves with the first SIGINT or SIGTERM since this object was made. */
  get first(): Promise<EndSignal> {
    return this.firstEnd.promise;
  }

  private received(signal: EndSignal): void {
    this.firstEnd.resolve(signal);
    this.onSignal?.(signal);
  }
}
