/**
 * Streams of samples to clients of different patience: one that reads gets every sample, one that
 * does not read is ended at the bound and holds up nobody, and what waits for it is bounded.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { EventStreams } from "../../../../src/node/admin/event-stream.ts";
import { ReplyError } from "../../../../src/protocol/resp/reply-parser.ts";
import { caseMsMax, waitFor } from "../../../harness.ts";

setDefaultTimeout(caseMsMax);

/** The connection of a stream, which may always run INFO. */
class Door {
  isDisposed = false;
  isOpen = true;
  mayRun = true;
  /** INFOs that it was asked for. */
  runs = 0;

  async run() {
    this.runs++;
    return this.mayRun ? new Uint8Array() : new ReplyError("NOPERM no INFO for you");
  }

  stayActive(): void {}

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

/** Numbers its samples; with lists where they are wanted. */
class CountedReports {
  private count = 0;

  async next(withLists: boolean) {
    const sample = { name: "sample", data: this.count++ };
    return withLists ? [sample, { name: "threads", data: [] }] : [sample];
  }

  forget(): void {
    this.count = 0;
  }
}

function openStreams() {
  return new EventStreams(new CountedReports(), 1);
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
}

async function samplesIn(reader: Reader, most: number) {
  const decoder = new TextDecoder();
  let text = "";
  const count = () => text.split("event: sample\n").length - 1;
  while (count() < most) {
    const { done, value } = await reader.read();
    if (done) return { samples: count(), hasEnded: true };
    text += decoder.decode(value, { stream: true });
  }
  return { samples: count(), hasEnded: false };
}

test("a client that does not read is ended with at most eight parts waiting for it", async () => {
  const streams = openStreams();
  const [slow, quick] = [new Door(), new Door()];
  const slowBody = (await streams.open(slow)).body?.getReader();
  const quickBody = (await streams.open(quick)).body?.getReader();
  if (slowBody === undefined || quickBody === undefined) throw new Error("a stream has a body");
  expect(await samplesIn(quickBody, 30)).toEqual({ samples: 30, hasEnded: false });
  await waitFor(() => slow.isDisposed, { message: "the slow stream's connection to end" });
  // The first part says how soon a browser is to come back.
  expect(await samplesIn(slowBody, 100)).toEqual({ samples: 7, hasEnded: true });
  expect(quick.isDisposed).toBe(false);
  expect(await samplesIn(quickBody, 20)).toEqual({ samples: 20, hasEnded: false });
  streams.close();
  expect(quick.isDisposed).toBe(true);
});

test("a change of users ends the streams of those who may not run INFO any more, without asking each second", async () => {
  const streams = openStreams();
  const [lost, kept, killed] = [new Door(), new Door(), new Door()];
  const readers = [];
  for (const door of [lost, kept, killed]) {
    readers.push((await streams.open(door)).body?.getReader() as Reader);
  }
  await Promise.all(readers.map((reader) => samplesIn(reader, 20)));
  expect([lost.runs, kept.runs, killed.runs]).toEqual([1, 1, 1]);
  lost.mayRun = false;
  killed.isOpen = false;
  streams.usersChanged();
  const [lostEnd, keptEnd, killedEnd] = await Promise.all(
    readers.map((reader) => samplesIn(reader, 50)),
  );
  expect([lostEnd.hasEnded, keptEnd.hasEnded, killedEnd.hasEnded]).toEqual([true, false, true]);
  expect([lost.isDisposed, kept.isDisposed, killed.isDisposed]).toEqual([true, false, true]);
  expect(kept.runs).toBe(2);
  streams.close();
});

test("a stream has lists with its first sample, however many there are already", async () => {
  const streams = openStreams();
  const first = (await streams.open(new Door())).body?.getReader() as Reader;
  await samplesIn(first, 3);
  const second = (await streams.open(new Door())).body?.getReader() as Reader;
  let text = "";
  while (!text.includes("event: sample")) {
    text += new TextDecoder().decode((await second.read()).value);
  }
  expect(text).toContain("event: threads");
  streams.close();
});

test("a client that leaves takes its connection with it, and the timer ends with the last", async () => {
  const streams = openStreams();
  const door = new Door();
  const body = (await streams.open(door)).body;
  await body?.cancel();
  expect(door.isDisposed).toBe(true);
  const other = new Door(); // a new first sample: nobody has looked meanwhile
  const reader = (await streams.open(other)).body?.getReader();
  let text = "";
  while (!text.includes("data:")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).toContain("data: 0\n");
  streams.close();
});

test("a slow look at the node is not overtaken, and who came meanwhile is told of the lists", async () => {
  const looks: { withLists: boolean; finish: () => void }[] = [];
  const reports = {
    async next(withLists: boolean) {
      await new Promise<void>((finish) => looks.push({ withLists, finish }));
      return [{ name: "sample", data: looks.length }];
    },
    forget(): void {},
  };
  const streams = new EventStreams(reports, 1);
  const first = (await streams.open(new Door())).body?.getReader() as Reader;
  await waitFor(() => looks.length === 1);
  const second = (await streams.open(new Door())).body?.getReader() as Reader;
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 1);
  await waitFor(() => ticks > 20, { message: "several of its seconds to pass" });
  clearInterval(ticking);
  expect(looks.length).toBe(1);
  looks[0].finish();
  expect(await samplesIn(first, 1)).toEqual({ samples: 1, hasEnded: false });
  await waitFor(() => looks.length === 2);
  looks[1].finish();
  expect(await samplesIn(second, 1)).toEqual({ samples: 1, hasEnded: false });
  expect(looks.map(({ withLists }) => withLists)).toEqual([true, true]);
  streams.close();
});
