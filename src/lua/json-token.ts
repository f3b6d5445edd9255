// The tokens of JSON by the names that cjson's errors have for them.
// Invariant: the names are those of Redis's errors, which scripts may show to users.

export const token = {
  OBJECT_BEGIN: 0,
  OBJECT_END: 1,
  ARRAY_BEGIN: 2,
  ARRAY_END: 3,
  STRING: 4,
  NUMBER: 5,
  TRUE: 6,
  FALSE: 7,
  NULL: 8,
  COLON: 9,
  COMMA: 10,
  END: 11,
  SPACE: 12,
  INVALID: 13,
  /** A letter, or a plus, that may begin a literal or a number. */
  WORD: 14,
} as const;

const names = [
  ...["T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER"],
  ...["T_BOOLEAN", "T_BOOLEAN", "T_NULL", "T_COLON", "T_COMMA", "T_END"],
];

export function formatToken(kind: number): string {
  return names[kind];
}
