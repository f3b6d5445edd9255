// Steps over a value of a type that a cache of strings cannot hold, by its shape in format.ts,
// whatever part of it has arrived. It keeps no bytes, and does not know which values are skipped.
// Invariants: memory does not grow with the value, as a repetition is one frame; a step consumes
// all that it needs or nothing.

import { snapshotTemplatesMax } from "../base/limits.ts";
import { elementParts, moduleParts, type Step } from "./format.ts";
import type { RdbStrings } from "./strings.ts";

/** Steps that run so many times, and which of them is next. */
interface Frame {
  readonly steps: readonly Step[];
  index: number;
  times: number;
}

export class ShapeSkipper {
  private readonly in: RdbStrings;
  /** The innermost repetition is the last. */
  private readonly frames: Frame[] = [];
  /** The number of fields of each template, for the hashes that use it. */
  private readonly templates = new Map<number, number>();
  private lastLength = 0;

  constructor(input: RdbStrings) {
    this.in = input;
  }

  /** The next bytes are these parts of a value. */
  begin(steps: readonly Step[]): void {
    this.frames.push({ steps, index: 0, times: 1 });
  }

  /** Steps over what is there; true when nothing of the value is left. */
  run(): boolean {
    const frames = this.frames;
    while (this.in.skipPending()) {
      const frame = frames[frames.length - 1];
      if (frame === undefined) return true;
      if (frame.index === frame.steps.length) {
        frame.index = 0;
        if (--frame.times <= 0) frames.pop();
      } else if (!this.step(frame, frame.steps[frame.index])) {
        return false;
      }
    }
    return false;
  }

  private step(frame: Frame, step: Step): boolean {
    const input = this.in;
    if (typeof step === "object") return this.skipMany(frame, step.each, input.length());
    switch (step) {
      case "string":
        return this.advance(frame, input.skipString());
      case "length":
        this.lastLength = input.length();
        return this.advance(frame, this.lastLength >= 0);
      case "double":
        return this.advance(frame, input.skipDouble());
      case "module":
        return this.skipModulePart(frame);
      case "array":
        return this.skipArrayHead(frame);
      case "element":
        return this.skipElement(frame);
      case "template":
        return this.skipTemplate(frame);
      case "templated":
        return this.skipTemplated(frame);
    }
    input.skip(step);
    return this.advance(frame, true);
  }

  /** Skips `steps` so many times; `times` is negative while its bytes are missing. */
  private skipMany(frame: Frame, steps: readonly Step[], times: number): boolean {
    if (times > 0) this.frames.push({ steps, index: 0, times });
    return this.advance(frame, times >= 0);
  }

  private advance(frame: Frame, complete: boolean): boolean {
    if (complete) frame.index++;
    return complete;
  }

  /** Skips a tag and its part. The same step runs again until the tag that ends the value. */
  private skipModulePart(frame: Frame): boolean {
    const tag = this.in.length();
    if (tag < 0) return false;
    if (tag === 0) return this.advance(frame, true);
    const part = moduleParts[tag];
    if (part === undefined) throw this.in.error(`a module's value has no part ${tag}`);
    this.frames.push({ steps: [part], index: 0, times: 1 });
    return true;
  }

  // ---- what Redis 8 has added -------------------------------------------------------------------

  /**
   * The number of elements, and the position of the next insertion if there is one; then the
   * elements.
   */
  private skipArrayHead(frame: Frame): boolean {
    const input = this.in;
    const start = input.at;
    const times = input.length();
    const hasCursor = times < 0 ? times : input.length();
    if (hasCursor < 0) {
      input.at = start;
      return false;
    }
    if (hasCursor > 1) throw input.error(`an array's head has no form ${hasCursor}`);
    this.advance(frame, true);
    if (times > 0) this.frames.push({ steps: ["length", "element"], index: 0, times });
    if (hasCursor === 1) this.frames.push({ steps: ["length"], index: 0, times: 1 });
    return true;
  }

  private skipElement(frame: Frame): boolean {
    const tag = this.in.length();
    if (tag < 0) return false;
    const part = elementParts[tag];
    if (part === undefined) throw this.in.error(`an array has no element ${tag}`);
    return this.skipMany(frame, [part], 1);
  }

  /** The template's number was the length before this. */
  private skipTemplate(frame: Frame): boolean {
    const fields = this.in.length();
    if (fields < 0) return false;
    if (this.templates.size >= snapshotTemplatesMax) {
      throw this.in.error(`more than ${snapshotTemplatesMax} templates of hashes`);
    }
    this.templates.set(this.lastLength, fields);
    return this.skipMany(frame, ["string"], fields);
  }

  private skipTemplated(frame: Frame): boolean {
    const template = this.in.length();
    if (template < 0) return false;
    const fields = this.templates.get(template);
    if (fields === undefined) throw this.in.error(`a hash of the unknown template ${template}`);
    return this.skipMany(frame, ["string"], fields);
  }
}
