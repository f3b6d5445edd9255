// The options of users and their rules, as rows of the table in options.ts. The rules themselves
// are in command/acl/.

import type { Option } from "./option.ts";
import { parseWholeNumber, parseWord } from "./values.ts";

export interface UserConfig {
  readonly password: string;
  readonly aclFile: string;
  /** Whether new users may use all channels. */
  readonly aclAllChannels: boolean;
  readonly denialLogMaxLen: number;
}

/** More entries than their bytes leave room for. */
const entriesMax = 1_000_000;
const asText = (value: string | number): string => String(value);

export const userOptions: {
  readonly [Key in keyof UserConfig]: Option<UserConfig[Key]>;
} = {
  password: {
    name: "password",
    environment: "MSCACHE_PASSWORD",
    group: "Security",
    hint: "PASSWORD",
    default: "",
    doc: "Password of the user `default`, which clients and followers must send; empty requires none. Set it by the variable or the file, because `ps` shows flags.",
    change: "applies",
    parse: asText,
    format: asText,
    redis: [{ name: "requirepass" }],
  },
  aclFile: {
    name: "acl-file",
    environment: "MSCACHE_ACL_FILE",
    group: "Security",
    hint: "FILE",
    default: "",
    doc: "File of users and their rules, for ACL LOAD and ACL SAVE; it is read at the start.",
    change: "restart",
    parse: asText,
    format: asText,
    redis: [{ name: "aclfile" }],
  },
  aclAllChannels: {
    name: "acl-pubsub-default",
    environment: "MSCACHE_ACL_PUBSUB_DEFAULT",
    group: "Security",
    hint: "resetchannels|allchannels",
    default: "resetchannels",
    doc: "Whether a new user may use no channels, or all.",
    change: "applies",
    parse: (text) => parseWord(text, ["resetchannels", "allchannels"]) === "allchannels",
    format: (isAll) => (isAll ? "allchannels" : "resetchannels"),
    redis: [{ name: "acl-pubsub-default" }],
  },
  denialLogMaxLen: {
    name: "acllog-max-len",
    environment: "MSCACHE_ACLLOG_MAX_LEN",
    group: "Security",
    hint: "N",
    default: "128",
    doc: "Number of refused commands and logins that ACL LOG remembers.",
    change: "applies",
    parse: (text) => parseWholeNumber(text, 0, entriesMax),
    format: asText,
    redis: [{ name: "acllog-max-len" }],
  },
};
