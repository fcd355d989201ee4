// Asks how far a piece is, every second at first and less often later, and opens the piece once it is ready.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 5000;
const SLOWER = 1.15;

const root = document.querySelector("[data-progress]");

if (root) {
  const bar = root.querySelector("[data-percent]");
  const percentText = root.querySelector("[data-percent-text]");
  const label = root.querySelector("[data-label]");
  const queue = root.querySelector("[data-queue]");
  const notes = root.querySelector("[data-notes]");
  const offline = root.querySelector("[data-offline]");
  let wait = FIRST_WAIT;
  let tag = "";
  let timer = 0;

  const fill = (element, value, name) => {
    element.hidden = !value;
    if (value) element.textContent = element.dataset.text.replace(`{${name}}`, String(value));
  };

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const show = (status) => {
    bar.value = status.percent;
    setText(percentText, `${status.percent} %`);
    setText(label, status.state_label.charAt(0).toUpperCase() + status.state_label.slice(1));
    fill(queue, status.queue_place, "place");
    fill(notes, status.notes, "notes");
    for (const stage of root.querySelectorAll("[data-stage]")) {
      if (stage.dataset.stage === status.state) stage.setAttribute("aria-current", "step");
      else stage.removeAttribute("aria-current");
    }
  };

  const ask = async () => {
    try {
      const answer = await fetch(root.dataset.url, {
        headers: { Accept: "application/json", ...(tag ? { "If-None-Match": tag } : {}) },
        credentials: "same-origin",
        cache: "no-store",
      });
      if (answer.status === 404 || answer.status === 403) {
        window.location.reload();
        return;
      }
      if (answer.ok) {
        tag = answer.headers.get("ETag") ?? "";
        const status = await answer.json();
        if (!status.is_working) {
          window.location.reload();
          return;
        }
        show(status);
        wait = FIRST_WAIT;
      } else {
        wait = Math.min(LONGEST_WAIT, wait * SLOWER);
      }
      offline.hidden = answer.ok || answer.status === 304;
    } catch {
      wait = LONGEST_WAIT;
      offline.hidden = false;
    }
    timer = window.setTimeout(ask, wait);
  };

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    window.clearTimeout(timer);
    wait = FIRST_WAIT;
    ask();
  });
  timer = window.setTimeout(ask, FIRST_WAIT);
}
