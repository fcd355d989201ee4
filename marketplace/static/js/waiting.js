// Looks whether a page that waits for something has changed on the server, and reloads it only then.

const LONGEST_WAIT = 8000;
let wait = 1500;

const state = (page) => {
  const main = page.querySelector("main");
  const waits = [...page.querySelectorAll("[data-waiting]")].map((each) => each.tagName).join();
  return `${waits}|${main?.querySelector("h1")?.textContent ?? ""}`;
};

const before = state(document);

async function look() {
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin", cache: "no-store" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (state(page) !== before) {
        window.location.reload();
        return;
      }
    }
  } catch {
    // No connection: the next look may have one.
  }
  wait = Math.min(LONGEST_WAIT, wait * 1.2);
  window.setTimeout(look, wait);
}

if (document.querySelector("[data-waiting]")) window.setTimeout(look, wait);
