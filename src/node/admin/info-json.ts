// INFO as JSON: an object for each section, numbers as numbers, `a=1,b=2` as an object. A number
// beyond 2^53 stays text. It reads the text of INFO, so there is one source of what INFO says.

type Value = string | number | { readonly [name: string]: string | number };

export function infoJson(text: string): Record<string, Record<string, Value>> {
  const sections: Record<string, Record<string, Value>> = {};
  let fields: Record<string, Value> = {};
  for (const line of text.split("\r\n")) {
    if (line.startsWith("# ")) {
      fields = {};
      sections[line.slice(2).toLowerCase()] = fields;
      continue;
    }
    const colon = line.indexOf(":");
    if (colon > 0) fields[line.slice(0, colon)] = fieldOf(line.slice(colon + 1));
  }
  return sections;
}

const listed = /^[a-z][\w.-]*=[^,=]*(,[a-z][\w.-]*=[^,=]*)*$/i;

function fieldOf(text: string): Value {
  if (!listed.test(text)) return scalarOf(text);
  const pairs = text.split(",").map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([name, value]) => [name, scalarOf(value)]));
}

function scalarOf(text: string): string | number {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?$/.test(text)) return text;
  const number = Number(text);
  return Number.isSafeInteger(Math.trunc(number)) ? number : text;
}
