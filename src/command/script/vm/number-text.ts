// Numbers of Lua as the arguments of commands: the text that C's printf("%.17g") makes of a double,
// as in Redis. Nothing is rounded to fewer digits.

const integerMax = 1e17;
const digits = 17;

export function numberText(value: number): string {
  // The sign of a NaN cannot be seen here; 0/0 has one on the processors that Redis runs on.
  if (Number.isNaN(value)) return "-nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value) && Math.abs(value) < integerMax) {
    return Object.is(value, -0) ? "-0" : String(value);
  }
  const [mantissa, exponentText] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < digits) {
    return withoutZeros(value.toFixed(Math.min(100, digits - 1 - exponent)));
  }
  const sign = exponent < 0 ? "-" : "+";
  return `${withoutZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function withoutZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
