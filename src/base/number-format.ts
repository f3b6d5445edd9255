// Numbers as the C library's printf("%.*g") writes them.
// Invariant: a half is rounded to the even digit, as C does; JavaScript rounds it up.

const digitsMax = 100;

/** A finite number with `precision` significant digits, 1 to 20. */
export function formatNumber(value: number, precision: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const sign = value < 0 ? "-" : "";
  const [mantissa, power] = roundedToEven(Math.abs(value), precision).split("e");
  const exponent = Number(power);
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  if (exponent < -4 || exponent >= precision) return sign + scientific(digits, exponent);
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return sign + whole + (fraction === "" ? "" : `.${fraction}`);
}

function scientific(digits: string, exponent: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${size}`;
}

function roundedToEven(value: number, precision: number): string {
  const rounded = value.toExponential(precision - 1);
  const exact = value.toExponential(digitsMax).replace(".", "");
  const [digits, power] = exact.split("e");
  if (!/^50*$/.test(digits.slice(precision))) return rounded;
  if (Number(digits[precision - 1]) % 2 !== 0) return rounded;
  return `${digits[0]}.${digits.slice(1, precision)}e${power}`;
}
