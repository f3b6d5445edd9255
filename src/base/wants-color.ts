// Whether output may be coloured. It asks the environment as Node does: FORCE_COLOR wins over
// NO_COLOR, and without both only a terminal gets colours. What colours mean is decided elsewhere.

/** What is asked of a stream, as process.stdout answers it. */
export interface Stream {
  readonly isTTY?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function wantsColor(stream: Stream, environment: Environment = process.env): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: refused, TERM: terminal } = environment;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if (refused !== undefined && refused !== "") return false;
  return stream.isTTY === true && terminal !== "dumb";
}
