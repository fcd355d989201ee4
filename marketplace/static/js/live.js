// Keeps the states of the pieces on an open page true: available, on hold until, sold, retired. Asks seldom, one small
// answer for the whole page, a 304 where nothing has changed, and not at all while nobody looks at the page.
// Without this script the page is what it was when it was loaded.

const USUAL_WAIT = 10000;
const LONGEST_WAIT = 120000;
const TAKEN = ["sold", "retired"];

const lists = [...document.querySelectorAll("[data-live]")];
const cards = new Map(
  lists.flatMap((list) =>
    [...list.querySelectorAll("[data-piece]")].map((card) => [card.dataset.piece, { card, list }]),
  ),
);
const said = document.querySelector("[data-live-said]");
let tag = "";
let wait = USUAL_WAIT;
let timer = 0;

const nameOf = (card) => card.querySelector(".piece-name")?.textContent.trim() ?? "";

function show({ card, list }, { state, badge }) {
  const place = card.querySelector("[data-badge]");
  const page = new DOMParser().parseFromString(badge, "text/html");
  const text = page.body.textContent.trim();
  const changed = card.dataset.state !== state;
  if (!changed && (place.textContent.trim() === text || state === "available")) return "";
  place.replaceChildren(...page.body.childNodes);
  card.dataset.state = state;
  // Nobody but its maker may hear a piece that is taken: the server refuses the sound as well.
  if (state !== "available" && !("own" in card.dataset)) card.querySelector("audio")?.pause();
  if (TAKEN.includes(state)) card.querySelector(".piece-price")?.remove();
  if (!changed) return "";
  return (list.getAttribute(`data-text-${state}`) ?? "").replace("{name}", nameOf(card));
}

async function ask() {
  try {
    const answer = await fetch(`${lists[0].dataset.live}?ids=${[...cards.keys()].join(",")}`, {
      headers: { Accept: "application/json", ...(tag ? { "If-None-Match": tag } : {}) },
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.ok) {
      tag = answer.headers.get("ETag") ?? "";
      const { states } = await answer.json();
      const news = Object.entries(states).map(([key, state]) => cards.has(key) && show(cards.get(key), state));
      const lines = news.filter(Boolean);
      if (lines.length && said) said.textContent = lines.join(". ");
    }
    wait = answer.ok || answer.status === 304 ? USUAL_WAIT : Math.min(LONGEST_WAIT, wait * 2);
  } catch {
    wait = Math.min(LONGEST_WAIT, wait * 2);
  }
  plan();
}

function plan() {
  window.clearTimeout(timer);
  if (document.visibilityState === "visible") timer = window.setTimeout(ask, wait);
}

if (cards.size) {
  document.addEventListener("visibilitychange", () => {
    window.clearTimeout(timer);
    if (document.visibilityState === "visible") ask();
  });
  plan();
}
