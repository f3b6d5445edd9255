// What `import path from "x.wasm" with { type: "file" }` gives in Bun: the path of the file, on the
// disk or within a compiled executable. Declares a type; nothing runs here.

declare module "*.wasm" {
  const path: string;
  export default path;
}
