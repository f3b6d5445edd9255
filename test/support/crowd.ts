/**
 * Many raw connections at once, as cheap as the runtime has them: each sends what it is told,
 * counts what it gets, and reads nothing if it is told so. No protocol, no retry.
 */

interface Data {
  member: Member;
}

export class Member {
  isClosed = false;
  receivedBytes = 0;
  /** The beginning of what it got. */
  text = "";
  private readonly socket: Bun.Socket<Data>;
  private waiting: Uint8Array[] = [];

  constructor(socket: Bun.Socket<Data>) {
    this.socket = socket;
  }

  /** The system takes it now or when it can. */
  send(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    if (this.waiting.length === 1) this.flush();
  }

  get sentAll(): boolean {
    return this.waiting.length === 0;
  }

  flush(): void {
    while (this.waiting.length > 0 && !this.isClosed) {
      const [next] = this.waiting;
      const taken = Math.max(0, this.socket.write(next));
      if (taken < next.length) {
        this.waiting[0] = next.subarray(taken);
        return;
      }
      this.waiting.shift();
    }
    if (this.isClosed) this.waiting = [];
  }

  pause(): void {
    this.socket.pause();
  }

  breakOff(): void {
    this.socket.terminate();
  }
}

const textBytesMax = 200;
/** How many connect at the same time: below what a listener keeps for accept(). */
const atOnce = 200;

export class Crowd implements AsyncDisposable {
  readonly members: Member[] = [];

  static async of(port: number, count: number): Promise<Crowd> {
    const crowd = new Crowd();
    for (let left = count; left > 0; left -= atOnce) {
      const some = Array.from({ length: Math.min(left, atOnce) }, () => join(port));
      crowd.members.push(...(await Promise.all(some)));
    }
    return crowd;
  }

  get open(): number {
    return this.members.filter(({ isClosed }) => !isClosed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) member.breakOff();
  }
}

async function join(port: number): Promise<Member> {
  const socket = await Bun.connect<Data>({
    hostname: "127.0.0.1",
    port,
    socket: {
      data({ data: { member } }, chunk) {
        member.receivedBytes += chunk.length;
        if (member.text.length < textBytesMax) member.text += chunk.toString("latin1");
      },
      drain: ({ data }) => data.member.flush(),
      close({ data }) {
        if (data === undefined) return;
        data.member.isClosed = true;
        data.member.flush();
      },
      error() {
        // "close" follows.
      },
    },
  });
  const member = new Member(socket);
  socket.data = { member };
  return member;
}
