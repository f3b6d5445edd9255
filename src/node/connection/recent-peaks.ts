// The largest input and output that one client of a thread has held in the last seconds, as
// client_recent_max_input_buffer and client_recent_max_output_buffer tell them in Redis. There is
// one slot for each second.

/** As in Redis. */
const seconds = 8;

export class RecentPeaks {
  private readonly inputs = new Float64Array(seconds);
  private readonly outputs = new Float64Array(seconds);
  private slot = 0;

  note(inputBytes: number, outputBytes: number): void {
    const { inputs, outputs, slot } = this;
    if (inputBytes > inputs[slot]) inputs[slot] = inputBytes;
    if (outputBytes > outputs[slot]) outputs[slot] = outputBytes;
  }

  /** Called once a second: forgets the oldest second. */
  nextSecond(): void {
    this.slot = (this.slot + 1) % seconds;
    this.inputs[this.slot] = 0;
    this.outputs[this.slot] = 0;
  }

  get inputBytes(): number {
    return Math.max(...this.inputs);
  }

  get outputBytes(): number {
    return Math.max(...this.outputs);
  }
}
