// The page's words in the reader's language, with values put in.

const WORDS = JSON.parse(document.querySelector('meta[name="words"]').content);

export const language = WORDS.language;

export function say(key, values = {}) {
  return WORDS[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

// About four digits, thousands set apart, as the pages of the server write numbers.
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e9)) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  if (size < 1) return size ? value.toFixed(4) : "0";
  if (Number.isInteger(value) || size >= 999.95) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(4);
}
