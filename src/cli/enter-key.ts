// Whether the user has pressed Enter: a line on standard input, from a terminal or a pipe. The end
// of the input means nothing, so that a run in the background is not taken for an answer.
// Invariant: after disposal standard input is not read any more.

export class EnterKey implements Disposable {
  private readonly controller = new AbortController();
  private readonly take = (chunk: Uint8Array | string): void => {
    if (String(chunk).includes("\n")) this.controller.abort();
  };

  constructor() {
    process.stdin.on("data", this.take);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  [Symbol.dispose](): void {
    process.stdin.off("data", this.take);
    process.stdin.pause();
  }
}
