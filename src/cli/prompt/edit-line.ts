// A line that is being edited: its text and a cursor, which stands between two characters as users
// see them, accents and emoji included. It draws nothing.
// Invariant: the cursor is never within a character, and the text has at most charactersMax.

/** More than anybody types; what is pasted beyond it is dropped. */
const charactersMax = 64 * 1024;

export class EditLine {
  private readonly segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  private content = "";
  private position = 0;

  get text(): string {
    return this.content;
  }

  get before(): string {
    return this.content.slice(0, this.position);
  }

  get after(): string {
    return this.content.slice(this.position);
  }

  /** Replaces the text; the cursor stands behind `before`. */
  set(before: string, after = ""): void {
    this.content = (before + after).slice(0, charactersMax);
    this.position = Math.min(before.length, this.content.length);
  }

  insert(text: string): void {
    const room = charactersMax - this.content.length;
    this.set(this.before + text.slice(0, Math.max(0, room)), this.after);
  }

  left(): void {
    this.position -= this.widthBefore();
  }

  right(): void {
    this.position += this.widthAfter();
  }

  home(): void {
    this.position = 0;
  }

  end(): void {
    this.position = this.content.length;
  }

  wordLeft(): void {
    this.position -= wordBefore(this.before);
  }

  wordRight(): void {
    this.position += wordAfter(this.after);
  }

  backspace(): void {
    this.set(this.before.slice(0, this.position - this.widthBefore()), this.after);
  }

  delete(): void {
    this.set(this.before, this.after.slice(this.widthAfter()));
  }

  killStart(): void {
    this.set("", this.after);
  }

  killEnd(): void {
    this.set(this.before);
  }

  killWord(): void {
    this.set(this.before.slice(0, this.position - wordBefore(this.before)), this.after);
  }

  killWordRight(): void {
    this.set(this.before, this.after.slice(wordAfter(this.after)));
  }

  /** Exchanges the two characters around the cursor, or the last two at the end. */
  transpose(): void {
    if (this.after === "") this.left();
    const [before, after] = [this.widthBefore(), this.widthAfter()];
    if (before === 0 || after === 0) return;
    const [start, middle] = [this.position - before, this.position];
    const [first, second] = [this.content.slice(start, middle), this.after.slice(0, after)];
    this.set(this.content.slice(0, start) + second + first, this.after.slice(after));
  }

  /** The length of the character before the cursor. */
  private widthBefore(): number {
    let last = 0;
    for (const { segment } of this.segmenter.segment(this.before)) last = segment.length;
    return last;
  }

  private widthAfter(): number {
    for (const { segment } of this.segmenter.segment(this.after)) return segment.length;
    return 0;
  }
}

function wordBefore(text: string): number {
  return /\S*\s*$/.exec(text)?.[0].length ?? 0;
}

function wordAfter(text: string): number {
  return /^\s*\S*/.exec(text)?.[0].length ?? 0;
}
