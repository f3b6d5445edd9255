// The kinds of records in the event log: what happened to a key, and what readers of the log need
// besides. A kind is a small number with flags above it. The names and classes of changes are those
// of Redis's keyspace notifications.

/** Classes of `notify-keyspace-events`, by their letters; those of other data types have no bit. */
export const eventClass = {
  GENERIC: 1 << 0,
  STRING: 1 << 1,
  EXPIRED: 1 << 2,
  EVICTED: 1 << 3,
  NEW: 1 << 4,
  MISS: 1 << 5,
} as const;

/** Of a kind: the number itself, without flags. */
export const kindMask = 0xff;
/** The key is new: the event `new` comes first. */
export const CREATED = 1 << 8;
/** The key got an expiry with its value: the event `expire` follows. */
export const EXPIRES = 1 << 9;
/** The key lost its expiry with the change: the event `persist` follows. */
export const PERSISTS = 1 << 10;

/** Kinds that stand for a change of a key. QUIET has no event, but is a change. */
export const event = {
  QUIET: 0,
  SET: 1,
  APPEND: 2,
  SETRANGE: 3,
  INCRBY: 4,
  INCRBYFLOAT: 5,
  SETBIT: 6,
  PFADD: 7,
  DEL: 8,
  EXPIRE: 9,
  PERSIST: 10,
  RENAME_FROM: 11,
  RENAME_TO: 12,
  COPY_TO: 13,
  RESTORE: 14,
  MOVE_FROM: 15,
  MOVE_TO: 16,
  EXPIRED: 17,
  EVICTED: 18,
} as const;

/** The last kind that stands for a change of a key. */
const lastChange = event.EVICTED;

/** Kinds that are no change of a key. */
export const record = {
  /** A client asked for a key that is not there. */
  MISS: 32,
  /** A client that tracks keys has read one. */
  READ: 33,
  /** All keys of the database are gone; of all databases if it is -1. */
  FLUSH: 34,
  /** A command, as the line that MONITOR shows. */
  COMMAND: 35,
  /** In place of a record that was too large for the log. */
  LOST: 36,
  /** Fills the rest of the ring. */
  PADDING: 37,
} as const;

export function isChange(kind: number): boolean {
  return (kind & kindMask) <= lastChange;
}

interface EventName {
  readonly name: string;
  readonly class: number;
}

const { GENERIC, STRING } = eventClass;

/** By kind; QUIET has none. */
export const eventNames: readonly (EventName | undefined)[] = [
  undefined,
  { name: "set", class: STRING },
  { name: "append", class: STRING },
  { name: "setrange", class: STRING },
  { name: "incrby", class: STRING },
  { name: "incrbyfloat", class: STRING },
  { name: "setbit", class: STRING },
  { name: "pfadd", class: STRING },
  { name: "del", class: GENERIC },
  { name: "expire", class: GENERIC },
  { name: "persist", class: GENERIC },
  { name: "rename_from", class: GENERIC },
  { name: "rename_to", class: GENERIC },
  { name: "copy_to", class: GENERIC },
  { name: "restore", class: GENERIC },
  { name: "move_from", class: GENERIC },
  { name: "move_to", class: GENERIC },
  { name: "expired", class: eventClass.EXPIRED },
  { name: "evicted", class: eventClass.EVICTED },
];
