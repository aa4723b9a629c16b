// Marks the words of an answer that are not in the text it is set against, and those that it lacks.

const against = document.getElementById("against");
const segmenter = new Intl.Segmenter(document.documentElement.lang, { granularity: "word" });

// What the server sent; marks of an earlier choice are not part of it.
function plain(box) {
  if (!box) return null;
  box.dataset.plain ??= box.textContent;
  return box.dataset.plain;
}

function other_text(article, boxes, place) {
  if (against.value === "reference") return plain(article.querySelector(".reference-text .text"));
  if (against.value === "previous") return place ? plain(boxes[place - 1]) : null;
  const before = article.querySelector('.stage[data-stage="before"] .text');
  return against.value && before !== boxes[place] ? plain(before) : null;
}

function marked(before, now) {
  return Diff.diffWordsWithSpace(before, now, { intlSegmenter: segmenter }).map((part) => {
    const node = document.createElement(part.added ? "ins" : part.removed ? "del" : "span");
    node.textContent = part.value;
    return node;
  });
}

function mark(article) {
  const boxes = [...article.querySelectorAll(".stage")].map((stage) => stage.querySelector(".text"));
  boxes.forEach((box, place) => {
    if (!box) return;
    const other = other_text(article, boxes, place);
    box.replaceChildren(...(other === null ? [plain(box)] : marked(other, plain(box))));
  });
}

const mark_all = () => document.querySelectorAll(".asked").forEach(mark);

against.addEventListener("change", mark_all);
window.addEventListener("load", mark_all);
