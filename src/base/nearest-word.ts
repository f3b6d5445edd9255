// Finds the known word that somebody probably meant who wrote an unknown one, for the sentence that
// refuses it. Case, dashes and underscores do not count. The caller has the known words.
// Invariant: a word that resembles none gets no answer, as a wrong hint is worse than none.

/** So many letters for each mistake that is overlooked; one is, from three letters on. */
const lettersPerMistake = 4;
const lettersMin = 3;
/** What has fewer letters in common with a longer word is no abbreviation of it. */
const abbreviationLettersMin = 4;

/** Example: of "databases" and "max-memory", "maxmemory" is near the second. Null: none is near. */
export function nearestOf(word: string, known: Iterable<string>): string | null {
  const letters = lettersOf(word);
  let nearest: string | null = null;
  const overlooked = Math.max(1, Math.floor(letters.length / lettersPerMistake));
  let least = letters.length < lettersMin ? 1 : overlooked + 1;
  for (const candidate of known) {
    const mistakes = mistakesBetween(letters, lettersOf(candidate));
    if (mistakes < least) [nearest, least] = [candidate, mistakes];
  }
  return nearest;
}

// --- internal ---

function lettersOf(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "");
}

/** Letters that are missing, surplus, wrong or swapped; one if a word is cut short or goes on. */
function mistakesBetween(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  if (short.length >= abbreviationLettersMin && short.length < long.length) {
    if (long.startsWith(short)) return 1;
  }
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const ways = [at(next, j - 1) + 1, at(row, j) + 1, at(row, j - 1) + (isSame ? 0 : 1)];
      if (isSwapped) ways.push(at(before, j - 2) + 1);
      next.push(Math.min(...ways));
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
