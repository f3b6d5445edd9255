// The units in which bounds of memory are written down. Their values stand in the files beside this
// one.

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
