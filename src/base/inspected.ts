// How objects of the package show themselves in console.log(), util.inspect() and logs that use
// them. Without it these walk over everything that an object holds: a client is a megabyte of
// sockets and queues with the password among them, and a cache takes minutes.
// It shows no value that was configured; what a class shows is its own choice.

/** The method that Bun and Node.js ask; util.inspect.custom is the same symbol. */
export const inspected: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** Example: `Client { address: "127.0.0.1:5000" }`. */
export function shownAs(name: string, facts: Readonly<Record<string, unknown>> = {}): string {
  const shown = Object.entries(facts).map(([fact, value]) => `${fact}: ${JSON.stringify(value)}`);
  return shown.length === 0 ? `${name} {}` : `${name} { ${shown.join(", ")} }`;
}
