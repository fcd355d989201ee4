// Shows the engraved score of a piece and lights its notes as the recording plays. Without it the PDF is there.

const root = document.querySelector("[data-score]");
const audio = root.querySelector("audio");
const box = root.querySelector("[data-pages]");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
let notes = [];
let lit = new Set();
let page = null;

// The first note that begins after a moment: the notes are in the order in which they begin.
function after(milliseconds) {
  let low = 0;
  let high = notes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (notes[middle].first > milliseconds) high = middle;
    else low = middle + 1;
  }
  return low;
}

function show() {
  const now = audio.currentTime * 1000;
  const sounding = new Set();
  for (let index = after(now) - 1; index >= 0 && index > after(now) - 200; index -= 1) {
    const note = notes[index];
    if (note.last > now && note.element) sounding.add(note.element);
  }
  for (const element of lit) if (!sounding.has(element)) element.classList.remove("sounding");
  for (const element of sounding) element.classList.add("sounding");
  lit = sounding;
  const [first] = sounding;
  const here = first?.closest("svg") ?? page;
  if (here && here !== page && !audio.paused) {
    here.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }
  page = here;
}

function follow() {
  show();
  if (!audio.paused) requestAnimationFrame(follow);
}

try {
  const answer = await fetch(root.dataset.score, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`the score answered ${answer.status}`);
  const drawing = await answer.json();
  for (const source of drawing.pages) {
    const parsed = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
    if (parsed.querySelector("parsererror, script")) throw new Error("the score is no picture");
    box.append(document.importNode(parsed, true));
  }
  notes = drawing.notes.map(([first, last], number) => ({ first, last, element: document.getElementById(`n${number}`) }));
  for (const { first, element } of notes) {
    element?.addEventListener("click", () => {
      audio.currentTime = first / 1000;
      audio.play();
    });
  }
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", show);
} catch {
  root.querySelector("[data-error]").hidden = false;
}
