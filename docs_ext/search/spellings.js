// The same word is typed in several ways: with and without a half-space, with letters and digits
// of an Arabic or a Persian keyboard. All become one. The build also puts this before the search
// engine.

const LETTERS = { ك: "ک", ي: "ی", ى: "ی", ة: "ه", ە: "ه" };
const AFFIXED = /(^|\s)(ن?می)\s+(?=\S)|(\S)\s+(?=(?:ها(?:یی?)?|تر(?:ین)?|ای)(?:\s|$))/g;

function fold(text) {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\p{M}\u200c\u0640]/gu, "")
    .replace(/[كيىةە]/g, (letter) => LETTERS[letter])
    .replace(/[٠-٩۰-۹]/g, (digit) => digit.charCodeAt() & 15);
}

// Half-spaces where many type a space: می شود is می‌شود, گام ها is گام‌ها.
const join = (text) => text.replace(AFFIXED, "$1$2$3");
