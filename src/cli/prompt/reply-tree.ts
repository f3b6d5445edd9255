// Reads replies as `mscache cli` shows them: with what the client's parser drops because programs
// do not ask for it. A status differs from a value, a double is the text that was sent, and maps
// and sets have their elements in the order of sending, repetitions too. It interprets nothing.
// Invariants: bytes are strings of one character each (latin1), so nothing is lost; a long value is
// joined once, when all of it has arrived; an announced length allocates nothing.

/** One reply. `text` is the value without its framing; `items` are the elements of an aggregate. */
export interface Tree {
  readonly type: TreeType;
  readonly text: string;
  /** A map's keys and values in turn. */
  readonly items: readonly Tree[];
  /** What the server said about the reply, as a map; servers in use hardly do. */
  readonly attributes?: Tree;
}

export type TreeType =
  | "status"
  | "error"
  | "integer"
  | "string"
  | "nil"
  | "array"
  | "double"
  | "boolean"
  | "bignum"
  | "verbatim"
  | "map"
  | "set"
  | "push";

/** The bytes are no reply: the other end speaks something else. */
export class TreeFormatError extends Error {
  override readonly name = "TreeFormatError";
}

/** A line holds a status, an error or a number. */
const lineBytesMax = 1024 * 1024;
const valueBytesMax = 1024 * 1024 * 1024;
const depthMax = 128;
const LF = 0x0a;

const scalars: Readonly<Record<string, TreeType>> = {
  "+": "status",
  "-": "error",
  ":": "integer",
  ",": "double",
  "#": "boolean",
  "(": "bignum",
  _: "nil",
};
const values: Readonly<Record<string, TreeType>> = { $: "string", "=": "verbatim", "!": "error" };
const aggregates: Readonly<Record<string, TreeType | "attributes">> = {
  "*": "array",
  "%": "map",
  "~": "set",
  ">": "push",
  "|": "attributes",
};

/** An aggregate whose elements are still arriving. */
interface Frame {
  readonly type: TreeType | "attributes";
  readonly items: Tree[];
  readonly attributes: Tree | undefined;
  missing: number;
}

const none: readonly Tree[] = [];

export class TreeReader {
  private chunk = Buffer.alloc(0);
  private position = 0;
  /** Chunks behind `chunk`, and their bytes: joined when they may complete a value. */
  private pieces: Uint8Array[] = [];
  private piecesBytes = 0;
  /** How many bytes from `position` on the next step needs at least. */
  private needed = 1;
  private frames: Frame[] = [];
  /** Those of the reply that comes next. */
  private attributes: Tree | undefined;

  /** The bytes that have arrived and are part of no reply yet. */
  get waitingBytes(): number {
    return this.chunk.length - this.position + this.piecesBytes;
  }

  /** Keeps the chunk, which must not be written to afterwards. */
  feed(chunk: Uint8Array): void {
    this.pieces.push(chunk);
    this.piecesBytes += chunk.length;
  }

  /** The next whole reply; undefined if more bytes are needed. Throws a TreeFormatError. */
  next(): Tree | undefined {
    for (;;) {
      const element = this.has(this.needed) ? this.step() : undefined;
      if (element === undefined) return undefined;
      if (element === "opened") continue;
      const whole = this.place(element);
      if (whole !== undefined) return whole;
    }
  }

  /** Whether so many bytes are there, in one piece. */
  private has(bytes: number): boolean {
    if (this.waitingBytes < bytes) return false;
    if (this.chunk.length - this.position >= bytes) return true;
    this.chunk = Buffer.concat([this.chunk.subarray(this.position), ...this.pieces]);
    this.position = 0;
    this.pieces = [];
    this.piecesBytes = 0;
    return true;
  }

  /** Reads one line, and the value behind it. Nothing is taken unless all is there. */
  private step(): Tree | "opened" | undefined {
    const end = this.lineEnd();
    if (end < 0) return undefined;
    const mark = String.fromCharCode(this.chunk[this.position] ?? 0);
    const text = this.chunk.toString("latin1", this.position + 1, end - 1);
    const type = scalars[mark];
    if (type !== undefined) {
      this.taken(end + 1);
      return this.element(type, type === "nil" ? "" : text);
    }
    if (values[mark] !== undefined) return this.value(values[mark], lengthOf(text), end + 1);
    const aggregate = aggregates[mark];
    if (aggregate === undefined) {
      throw new TreeFormatError(`no reply begins with ${JSON.stringify(mark + text.slice(0, 32))}`);
    }
    this.taken(end + 1);
    return this.open(aggregate, lengthOf(text));
  }

  /** Where the LF of the line is; -1 if it has not arrived. */
  private lineEnd(): number {
    for (;;) {
      const end = this.chunk.indexOf(LF, this.position);
      if (end >= 0) {
        if (this.chunk[end - 1] === 0x0d) return end;
        throw new TreeFormatError("a line does not end in CR LF");
      }
      const have = this.chunk.length - this.position;
      if (have > lineBytesMax) throw new TreeFormatError(`a line exceeds ${lineBytesMax} bytes`);
      if (this.piecesBytes === 0) {
        this.needed = have + 1;
        return -1;
      }
      this.has(have + 1);
    }
  }

  private value(type: TreeType, length: number, start: number): Tree | undefined {
    if (length > valueBytesMax) throw new TreeFormatError(`a value has ${length} bytes`);
    if (length < 0) {
      this.taken(start);
      return this.element("nil", "");
    }
    const lineBytes = start - this.position;
    if (!this.has(lineBytes + length + 2)) {
      this.needed = lineBytes + length + 2;
      return undefined;
    }
    const from = this.position + lineBytes;
    const text = this.chunk.toString("latin1", from, from + length);
    this.taken(from + length + 2);
    // A verbatim text begins with its format, such as "txt:".
    return this.element(type, type === "verbatim" ? text.slice(4) : text);
  }

  private open(type: TreeType | "attributes", count: number): Tree | "opened" {
    if (count < 0) return this.element("nil", "");
    if (this.frames.length === depthMax) throw new TreeFormatError("a reply is nested too deeply");
    const { attributes } = this;
    this.attributes = undefined;
    const missing = type === "map" || type === "attributes" ? count * 2 : count;
    const frame: Frame = { type, items: [], attributes, missing };
    if (missing === 0) return type === "attributes" ? "opened" : treeOf(frame);
    this.frames.push(frame);
    return "opened";
  }

  private element(type: TreeType, text: string): Tree {
    const { attributes } = this;
    this.attributes = undefined;
    return attributes === undefined
      ? { type, text, items: none }
      : { type, text, items: none, attributes };
  }

  private taken(position: number): void {
    this.position = position;
    this.needed = 1;
  }

  /** Adds an element to the innermost aggregate; returns the outermost one if that completes it. */
  private place(element: Tree): Tree | undefined {
    let tree = element;
    for (let frame = this.frames.at(-1); frame !== undefined; frame = this.frames.at(-1)) {
      frame.items.push(tree);
      frame.missing--;
      if (frame.missing > 0) return undefined;
      this.frames.pop();
      if (frame.type === "attributes") {
        this.attributes = { type: "map", text: "", items: frame.items };
        return undefined;
      }
      tree = treeOf(frame);
    }
    return tree;
  }
}

// --- internal ---

function treeOf({ type, items, attributes }: Frame): Tree {
  const shown = type === "attributes" ? "map" : type;
  return { type: shown, text: "", items, ...(attributes && { attributes }) };
}

function lengthOf(text: string): number {
  if (!/^(-1|\d{1,10})$/.test(text)) {
    throw new TreeFormatError(`${JSON.stringify(text.slice(0, 32))} is no length`);
  }
  return Number(text);
}
