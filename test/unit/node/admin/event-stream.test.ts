/**
 * Streams of samples to clients of different patience: one that reads gets every sample, one that
 * does not read is ended at the bound and holds up nobody, and what waits for it is bounded.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { EventStreams } from "../../../../src/node/admin/event-stream.ts";
import { caseMsMax, waitFor } from "../../../harness.ts";
import { Bed } from "../../command/bed.ts";
import { infoSource } from "../info-source.ts";

setDefaultTimeout(caseMsMax);

/** The connection of a stream, which may always run INFO. */
class Door {
  isDisposed = false;

  async run() {
    return new Uint8Array();
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

function openStreams() {
  const { store } = new Bed();
  let uptimeMs = 0;
  const gather = async () => {
    uptimeMs += 1_000;
    return infoSource(store, { uptimeMs });
  };
  return new EventStreams(gather, 1);
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

test("a client that leaves takes its connection with it, and the timer ends with the last", async () => {
  const streams = openStreams();
  const door = new Door();
  const body = (await streams.open(door)).body;
  await body?.cancel();
  expect(door.isDisposed).toBe(true);
  const other = new Door(); // a new first sample: without a timer there was none to compare with
  const reader = (await streams.open(other)).body?.getReader();
  let text = "";
  while (!text.includes("data:")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).toContain('"perSecond":null');
  streams.close();
});
