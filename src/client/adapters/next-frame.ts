// How an entry of Next.js lies in a value of the server: the length of a head, the head as JSON,
// and bytes that the head refers to, as they are. JSON alone has neither bytes nor a Map nor
// Infinity. Only fields of the value itself may be bytes or a Map of bytes, as they are in Next.js.
// Invariant: what cannot be read is null, never an error: it is a miss.

/** The value's own fields: JSON, bytes, or a Map from names to bytes. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Frame {
  /** What is to be known of the entry; JSON. */
  readonly about: Fields;
  /** Null is a value too: Next.js remembers that there is no page. */
  readonly fields: Fields | null;
}

export function packFrame({ about, fields }: Frame): Uint8Array {
  const plain: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  const bytes: [string, number][] = [];
  const maps: [string, [string, number][]][] = [];
  const put = (part: Uint8Array) => parts.push(part) && part.length;
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (value instanceof Uint8Array) bytes.push([name, put(value)]);
    else if (isMapOfBytes(value)) maps.push([name, [...value].map(([k, v]) => [k, put(v)])]);
    else plain[name] = value;
  }
  const head = { version, about, plain: fields === null ? null : plain, bytes, maps };
  const text = Buffer.from(JSON.stringify(head, infinityAsText));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...parts]);
}

export function unpackFrame(packed: Uint8Array): Frame | null {
  const all = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
  try {
    let at = lengthBytes + all.readUInt32BE(0);
    const head = JSON.parse(all.toString("utf8", lengthBytes, at), infinityOfText) as Head;
    if (head.version !== version) return null;
    const take = (length: number) => {
      at += length;
      return all.subarray(at - length, at);
    };
    if (head.plain === null) return { about: head.about, fields: null };
    const fields: Record<string, unknown> = { ...head.plain };
    for (const [name, length] of head.bytes) fields[name] = take(length);
    for (const [name, entries] of head.maps) {
      fields[name] = new Map(entries.map(([key, length]) => [key, take(length)]));
    }
    return at === all.length ? { about: head.about, fields } : null;
  } catch {
    return null; // somebody else has written it
  }
}

// --- internal ---

interface Head {
  readonly version: number;
  readonly about: Fields;
  readonly plain: Fields | null;
  readonly bytes: readonly [string, number][];
  readonly maps: readonly [string, [string, number][]][];
}

const version = 1;
const lengthBytes = 4;
const infinity = "\u0000Infinity";

function isMapOfBytes(value: unknown): value is Map<string, Uint8Array> {
  return value instanceof Map && [...value.values()].every((one) => one instanceof Uint8Array);
}

function infinityAsText(_name: string, value: unknown): unknown {
  return value === Infinity ? infinity : value;
}

function infinityOfText(_name: string, value: unknown): unknown {
  return value === infinity ? Infinity : value;
}
