// The reader of sources on which the house rules stand (support/source.ts): it blanks what is no
// code and nothing else, and finds imports, functions, headers and silent catches.

import { describe, expect, test } from "bun:test";
import { readSource } from "./support/source.ts";

describe("the reader of sources", () => {
  const body = "  step();\n".repeat(3);

  test("blanks strings, templates, comments and regular expressions, and nothing else", () => {
    const text = `a("x{"); b(\`y{\${c({})}}\`); d = /[/{]/g; e = f / 2; // {\n/* { */ g();`;
    const code = readSource("src/a.ts", text).code;
    expect(code.replace(/ +/g, " ")).toBe("a( ); b( c({}) ); d = ; e = f / 2; \n g();");
    expect(code).toHaveLength(text.length);
  });

  test.each([
    ["a function", `function f(a: number): void {\n${body}}`],
    ["a function that returns an object type", `function f(): { a: 1 } {\n${body}}`],
    ["a method", `class A {\n  m({ a }: B): Promise<C<D>> {\n${body}}\n}`],
    ["an arrow", `const f = async (a) => {\n${body}};`],
  ])("measures %s", (_, text) => {
    const longest = readSource("src/a.ts", text).functions.map(({ lineCount }) => lineCount);
    expect(longest).toContain(5);
  });

  test("does not take classes, interfaces and object literals for functions", () => {
    const text = "class A extends B {\n}\ninterface C {\n}\nconst d = {\n};\n";
    expect(readSource("src/a.ts", text).functions).toEqual([]);
  });

  test("tells a silent catch from one that explains itself", () => {
    const silent = "try {\n  a();\n} catch {}\nb().catch(() => {});";
    expect(readSource("src/a.ts", silent).emptyCatches).toEqual([3, 4]);
    const explained = "try {\n  a();\n} catch {\n  // It is gone already.\n}";
    expect(readSource("src/a.ts", explained).emptyCatches).toEqual([]);
  });

  test("finds every kind of import with its target", () => {
    const lines = [
      'import { a } from "./a.ts";',
      'import type { B } from "../b/b.ts";',
      'export { c } from "citty";',
      'const d = () => import("./d.ts");',
      '// from "./e.ts"',
    ];
    const { imports } = readSource("src/x/x.ts", lines.join("\n"));
    const targets = imports.map(({ line, target }) => [line, target]);
    const expected = [
      [1, "src/x/a.ts"],
      [2, "src/b/b.ts"],
      [3, null],
      [4, "src/x/d.ts"],
    ];
    expect(targets).toEqual(expected);
  });

  test("takes the opening comment, after a shebang too", () => {
    expect(readSource("a.ts", "#!/bin/x\n// One.\n// Two.\n\nlet a;").header).toBe("One.\nTwo.");
    expect(readSource("a.ts", "/**\n * One.\n * Two.\n */\nlet a;").header).toBe("One.\nTwo.");
    expect(readSource("a.ts", "let a; // One.").header).toBe("");
  });
});
