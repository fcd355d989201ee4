// Keeps the states of the pieces on an open page true: available, on hold until, sold, retired. Asks seldom, one small
// answer for the whole page, a 304 where nothing has changed, and not at all while nobody looks at the page.
// Without this script the page is what it was when it was loaded.

const USUAL_WAIT = 10000;
const LONGEST_WAIT = 120000;
const TAKEN = ["sold", "retired"];

let cards = new Map(); // of the page that is shown
let address = "";
let tag = "";
let wait = USUAL_WAIT;
let timer = 0;

const nameOf = (card) => card.querySelector(".piece-name, h1")?.textContent.trim() ?? "";

// What may be done with the piece whose own page this is; whether it may be heard, the server says.
async function renewOffer() {
  const here = window.location.href;
  const answer = await fetch(here, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok || here !== window.location.href) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const renew = (part) => document.querySelector(part)?.replaceWith(document.importNode(page.querySelector(part), true));
  renew(".offer");
  if (page.querySelector(".stage [data-player]")) return;
  document.querySelector(".stage audio")?.pause();
  renew(".stage");
}

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
  if (card === list) renewOffer().catch(() => {}); // no connection: the badge is true already
  return (list.getAttribute(`data-text-${state}`) ?? "").replace("{name}", nameOf(card));
}

async function ask() {
  const asked = cards;
  try {
    const answer = await fetch(`${address}?ids=${[...asked.keys()].join(",")}`, {
      headers: { Accept: "application/json", ...(tag ? { "If-None-Match": tag } : {}) },
      credentials: "same-origin",
      cache: "no-store",
    });
    const body = answer.ok ? await answer.json() : null;
    if (asked !== cards) return;
    if (body) {
      tag = answer.headers.get("ETag") ?? "";
      const news = Object.entries(body.states).map(([key, state]) => asked.has(key) && show(asked.get(key), state));
      const lines = news.filter(Boolean);
      const said = document.querySelector("[data-live-said]");
      if (lines.length && said) said.textContent = lines.join(". ");
    }
    wait = answer.ok || answer.status === 304 ? USUAL_WAIT : Math.min(LONGEST_WAIT, wait * 2);
  } catch {
    if (asked !== cards) return;
    wait = Math.min(LONGEST_WAIT, wait * 2);
  }
  plan();
}

function plan() {
  window.clearTimeout(timer);
  if (cards.size && document.visibilityState === "visible") timer = window.setTimeout(ask, wait);
}

function start() {
  const lists = [...document.querySelectorAll("[data-live]")];
  address = lists[0]?.dataset.live ?? "";
  tag = "";
  wait = USUAL_WAIT;
  cards = new Map(
    lists.flatMap((list) =>
      [list, ...list.querySelectorAll("[data-piece]")]
        .filter((card) => "piece" in card.dataset)
        .map((card) => [card.dataset.piece, { card, list }]),
    ),
  );
  plan();
}

document.addEventListener("visibilitychange", () => {
  window.clearTimeout(timer);
  if (cards.size && document.visibilityState === "visible") ask();
});
document.addEventListener("soloscore:leave", () => {
  cards = new Map();
  window.clearTimeout(timer);
});
document.addEventListener("soloscore:added", start);
start();
