// The parts of the line editor that need no terminal: keys, the line, what is drawn, and the walk
// in the history. The whole is driven in tmux (test/cli/prompt.test.ts).

import { describe, expect, test } from "bun:test";
import { EditLine } from "../../../../src/cli/prompt/edit-line.ts";
import { HistoryWalk } from "../../../../src/cli/prompt/history-walk.ts";
import { KeyDecoder } from "../../../../src/cli/prompt/key-decoder.ts";
import { drawLine } from "../../../../src/cli/prompt/screen-line.ts";

describe("keys", () => {
  const namesOf = (...chunks: readonly Uint8Array[]) => {
    const decoder = new KeyDecoder();
    const keys = chunks.flatMap((chunk) => decoder.keysOf(chunk));
    return keys.map((key) => (key.name === "text" ? `"${key.text}"` : key.name));
  };

  test("are text, control keys and sequences", () => {
    const sent = Buffer.from("aé漢\x01\x1b[A\x1b[1;5C\x1bOH\x1b[3~\x1bb\r\x7f\x1b[5~z");
    const names = ['"aé漢"', "home", "up", "word-right", "home", "delete", "word-left", "enter"];
    expect(namesOf(sent)).toEqual([...names, "backspace", '"z"']);
  });

  test("may be cut in a character or a sequence", () => {
    const sent = Buffer.from("漢\x1b[1;5Dé");
    const cut = [sent.subarray(0, 1), sent.subarray(1, 5), sent.subarray(5, 9), sent.subarray(9)];
    expect(namesOf(...cut)).toEqual(['"漢"', "word-left", '"é"']);
    expect(namesOf(Buffer.of(0x1b))).toEqual(["cancel"]);
  });

  test("bytes that are no UTF-8 become the character that stands for them", () => {
    expect(namesOf(Buffer.of(0x61, 0xff, 0x62))).toEqual(['"a\ufffdb"']);
  });
});

describe("a line", () => {
  test("moves and deletes by characters as users see them", () => {
    const line = new EditLine();
    line.set("ae\u0301👩‍👩‍👧z");
    line.left();
    line.left();
    expect([line.before, line.after]).toEqual(["ae\u0301", "👩‍👩‍👧z"]);
    line.delete();
    line.backspace();
    expect([line.before, line.after]).toEqual(["a", "z"]);
    line.right();
    line.right();
    expect(line.after).toBe("");
  });

  test("moves and deletes by words", () => {
    const line = new EditLine();
    line.set("SET key  value", " EX 5");
    line.wordLeft();
    expect(line.before).toBe("SET key  ");
    line.killWord();
    expect(line.text).toBe("SET value EX 5");
    line.wordRight();
    line.killWordRight();
    expect(line.text).toBe("SET value 5");
    line.killEnd();
    line.home();
    line.transpose();
    expect([line.text, line.before]).toEqual(["SET value", ""]);
    line.right();
    line.transpose();
    expect([line.text, line.before]).toEqual(["EST value", "ES"]);
    line.killStart();
    expect(line.text).toBe("T value");
  });

  test("does not grow without bound", () => {
    const line = new EditLine();
    for (let i = 0; i < 3; i++) line.insert("x".repeat(50_000));
    expect(line.text.length).toBe(64 * 1024);
  });
});

describe("a drawing", () => {
  const size = { columns: 10, rows: 4 };
  const draw = (before: string, after = "", hint = "", row = 0) =>
    drawLine({ prompt: "> ", before, after, hint }, size, row, (text) => `<${text}>`);

  test("puts the cursor where the text goes on", () => {
    expect(draw("ab", "cd")).toEqual({ output: "\r\x1b[J> abcd\r\x1b[4C", row: 0 });
    expect(draw("漢", "字")).toEqual({ output: "\r\x1b[J> 漢字\r\x1b[4C", row: 0 });
  });

  test("begins a row when one is full, also with a wide character that does not fit", () => {
    expect(draw("12345678")).toEqual({ output: "\r\x1b[J> 12345678\r\n\r", row: 1 });
    expect(draw("1234567漢")).toEqual({ output: "\r\x1b[J> 1234567漢\r\x1b[2C", row: 1 });
    expect(draw("1234", "5678901", "", 1)).toEqual({
      output: "\x1b[1A\r\x1b[J> 12345678901\x1b[1A\r\x1b[6C",
      row: 0,
    });
  });

  test("cuts a hint at the end of the row", () => {
    expect(draw("ab ", "", "key")).toEqual({ output: "\r\x1b[J> ab <key>\r\x1b[5C", row: 0 });
    expect(draw("ab ", "", "key value").output).toContain("<key…>");
  });

  test("shows the rows around the cursor if there are more than the terminal has", () => {
    const text = Array.from({ length: 60 }, (_, i) => String(i % 10)).join("");
    const { output, row } = draw(text);
    expect(row).toBe(3);
    expect(output).not.toContain("> ");
    const start = draw("", text);
    expect(start.row).toBe(0);
    expect(start.output).toStartWith("\r\x1b[J> 01234567");
  });
});

describe("a walk in the history", () => {
  const lines = ["SET a 1", "GET a", "GET b"];

  test("goes back and forth, and ends at the line that was begun", () => {
    const walk = new HistoryWalk(lines);
    const seen = [walk.older("begun"), walk.older(""), walk.older(""), walk.older("")];
    expect(seen).toEqual(["GET b", "GET a", "SET a 1", null]);
    expect([walk.newer(), walk.newer(), walk.newer(), walk.newer()]).toEqual([
      ...["GET a", "GET b", "begun", null],
    ]);
  });

  test("searches backwards, again from the last find", () => {
    const walk = new HistoryWalk(lines);
    walk.beginSearch("begun");
    walk.searchFor("GET");
    expect(walk.found).toBe("GET b");
    walk.searchOlder();
    expect(walk.found).toBe("GET a");
    walk.searchOlder();
    expect(walk.found).toBe("GET a");
    expect(walk.endSearch(false)).toBe("begun");
    walk.beginSearch("");
    walk.searchFor("SET");
    expect(walk.endSearch(true)).toBe("SET a 1");
    expect(walk.newer()).toBe("GET a");
  });
});
