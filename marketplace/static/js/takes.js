// Waits for the other take of an order and puts it on the page when it is there, without touching what plays.

const WAIT = 1500;
const LONGEST_WAIT = 8000;

let wait = WAIT;
let timer = 0;

async function isStillInWork(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
  return answer.ok ? (await answer.json()).is_working : true;
}

async function renew() {
  const answer = await fetch(window.location.href, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const after = page.querySelector("[data-takes]");
  if (!after) return;
  const fresh = document.importNode(after, true);
  document.querySelector("[data-takes]").replaceWith(fresh);
  fresh.dispatchEvent(new CustomEvent("soloscore:added", { bubbles: true }));
}

async function look() {
  timer = 0;
  const waiting = document.querySelector("[data-take-url]");
  if (!waiting) return;
  try {
    if (document.visibilityState === "visible" && !(await isStillInWork(waiting.dataset.takeUrl))) await renew();
  } catch {
    // No connection: the next look may have one.
  }
  wait = Math.min(LONGEST_WAIT, wait * 1.1);
  plan();
}

function plan() {
  if (!timer && document.querySelector("[data-take-url]")) timer = window.setTimeout(look, wait);
}

plan();
document.addEventListener("soloscore:added", plan);
