// What the compiler says about the rows of commands: which handler may reach what of the node.
// Nothing here runs; `tsc --noEmit` is the test, and a refusal that stops being one fails it.

import { Command } from "../../src/command/core/command.ts";
import type { ChannelContext, Context, ControlContext } from "../../src/command/core/context.ts";
import { family } from "../../src/command/core/family.ts";

const facts = {
  name: "tried",
  arity: 1,
  flags: 0,
  keys: [0, 0, 0],
  group: "server",
  since: "0.1.0",
  complexity: "O(1)",
  summary: "Tried.",
} as const;

const ordinary = ({ standing }: Context): void => void standing.isFollower;
const global = ({ channels }: ChannelContext): void => channels.forget(1);
const control = (x: ControlContext): void => void x.control.roles.report();

new Command({ ...facts, handler: ordinary });
new Command({ ...facts, global });
new Command({ ...facts, global: ordinary });
new Command({ ...facts, control });
new Command({ ...facts, control: global });

// @ts-expect-error an ordinary handler has no channels
new Command({ ...facts, handler: global });
// @ts-expect-error nor the node's control
new Command({ ...facts, handler: control });
// @ts-expect-error a global one has no control either
new Command({ ...facts, global: control });
// @ts-expect-error a row has one handler
new Command({ ...facts, handler: ordinary, control });
// @ts-expect-error and does not do without
new Command({ ...facts });

const { name, arity, summary, ...common } = facts;
family(common, [
  { name, arity, summary, control },
  // @ts-expect-error in a family, too
  { name, arity, summary, handler: control },
]);

/** What a data thread has, and what it has not. */
export function reach(x: Context): void {
  // @ts-expect-error only the control thread has it
  x.control;
  // @ts-expect-error and these
  x.channels;
}
