// The same word is typed in several ways: as one word, with a hyphen or in two, with and without a
// half-space, with letters and digits of an Arabic or a Persian keyboard, as β₂ or as beta2. All
// become one. The build also puts this before the search engine.

// What stands between words. A point, and a comma before three digits, may be inside a number;
// hyphens and half-spaces hold the parts of a word together.
const SEPARATOR =
  /(?:&(?:lt|gt|amp);|\.(?![0-9٠-٩۰-۹])|,(?![0-9٠-٩۰-۹]{3}(?![0-9٠-٩۰-۹]))|[\s!"#$%&'()*+/:;<=>?@[\\\]^`{|}~«»،؛؟٪·±×÷\u200b\u2012\u2014-\u2027\u2030-\u205e\u2190-\u2bff])+/;
const JOINT = /[\p{Pd}\u2212_\u200c]+/u;
const LETTERS = { ك: "ک", ي: "ی", ى: "ی", ة: "ه", ە: "ه" };
// From α on, in the order of their codes; ς, the sigma at a word's end, stands before σ.
const GREEK = `alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho
  sigma sigma tau upsilon phi chi psi omega`.split(/\s+/);

function fold(text) {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\p{M}\u00ad\u0640\u200d-\u200f\u202a-\u202e\u2066-\u2069]/gu, "")
    .replace(/[كيىةە]/g, (letter) => LETTERS[letter])
    .replace(/[α-ω]/g, (letter) => GREEK[letter.charCodeAt() - 0x3b1])
    .replace(/[٠-٩۰-۹]/g, (digit) => digit.charCodeAt() & 15)
    .replace(/(\d)[,٬](?=\d)/g, "$1")
    .replace(/٫/g, ".");
}

// Parts of a word: exp, avg and sq of exp_avg_sq.
const partsOf = (word) => fold(word).split(JOINT).filter(Boolean);

// What a word is found by, where beginnings count: expavgsq, avgsq and sq.
const formsOf = (word) => partsOf(word).map((_, index, parts) => parts.slice(index).join(""));

// Two words in a text or a query may be one, as in "warm up"; not a letter, nor two numbers.
const mayJoin = (one, next) => /.\p{L}$/u.test(one) && /^(\p{L}{2}|\d)/u.test(next);
