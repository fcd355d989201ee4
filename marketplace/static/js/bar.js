// The bar at the bottom, and the change of pages under it: a sound goes on from page to page. The browser's own
// Navigation API says when somebody goes where; pages that carry the bar then change in place, every other page is
// loaded as ever. A browser without that API, or without JavaScript, loads every page.
//
// What a script binds, it binds to each part of a page that is announced by "soloscore:added", and it lets go of what
// outlives the page (timers, listeners of the document) at "soloscore:leave".

const HERE = /^\/(?:shop\/|favourites\/|library\/|compositions\/[0-9a-f-]{36}\/)?$/;
const PARTS = [".site-header", "main", ".site-footer"];

const bar = document.querySelector("[data-bar]");
const button = bar.querySelector("[data-bar-play]");
const slider = bar.querySelector("[data-bar-position]");
const title = bar.querySelector("[data-bar-title]");
const time = bar.querySelector("[data-bar-time]");
const error = bar.querySelector("[data-bar-error]");
const said = document.querySelector("[data-bar-said]");

let audio = null; // the sound that began last; in its player, or in the bar once that player's page is left
let labels = {};

const clock = (seconds) => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

function show() {
  const duration = Number.isFinite(audio.duration) ? audio.duration : labels.seconds;
  slider.max = String(Math.round(duration));
  slider.value = String(Math.round(audio.currentTime));
  const words = slider.dataset.text.replace("{now}", clock(audio.currentTime)).replace("{total}", clock(duration));
  slider.setAttribute("aria-valuetext", words);
  time.textContent = `${clock(audio.currentTime)} / ${clock(duration)}`;
  bar.toggleAttribute("data-playing", !audio.paused);
  button.setAttribute("aria-label", audio.paused ? labels.play : labels.pause);
}

const heard = (event) => {
  if (event.target === audio) show();
};
const failed = (event) => {
  // A player that is on the page says so itself.
  if (event.target === audio && bar.contains(audio)) error.hidden = false;
};

// Sound events do not bubble, but they are captured: one listener serves every sound there will ever be.
for (const name of ["timeupdate", "pause", "ended", "seeked", "loadedmetadata"]) document.addEventListener(name, heard, true);
document.addEventListener("error", failed, true);

function open(player, sound) {
  if (audio !== sound && bar.contains(audio)) audio.remove();
  audio = sound;
  const { title: name, page, seconds, labelPlay, labelPause } = {
    ...player.dataset,
    ...player.querySelector("[data-play]").dataset,
  };
  labels = { seconds: Number(seconds) || 0, play: labelPlay, pause: labelPause };
  title.textContent = name;
  title.href = page;
  slider.setAttribute("aria-label", player.querySelector("[data-position]").getAttribute("aria-label"));
  error.hidden = true;
  bar.hidden = false;
  document.documentElement.classList.add("has-bar");
  show();
}

function close() {
  audio.pause();
  if (bar.contains(audio)) audio.remove();
  audio = null;
  bar.hidden = true;
  document.documentElement.classList.remove("has-bar");
  document.querySelector("main").focus({ preventScroll: true });
}

function toggle() {
  error.hidden = true;
  if (!audio.paused) {
    audio.pause();
    return;
  }
  if (audio.error) audio.load();
  audio.play().catch((problem) => {
    if (problem.name !== "AbortError") error.hidden = !bar.contains(audio);
  });
}

document.addEventListener(
  "play",
  (event) => {
    const player = event.target.closest("[data-player]");
    if (player) open(player, event.target);
    else if (event.target === audio) show();
  },
  true,
);
button.addEventListener("click", toggle);
bar.querySelector("[data-bar-close]").addEventListener("click", close);
slider.addEventListener("input", () => {
  audio.currentTime = Number(slider.value);
  show();
});

// A part of a page may arrive with its sound playing already: see progress.js.
document.addEventListener("soloscore:added", (event) => {
  for (const sound of event.target.querySelectorAll("[data-player] audio")) {
    if (!sound.paused) open(sound.closest("[data-player]"), sound);
  }
});

const isWaiting = (page) => page.querySelector("[data-progress]") !== null;

async function change(url, signal) {
  said.textContent = "";
  const answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin", signal });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok || answer.redirected || isWaiting(page) || !page.querySelector("[data-bar]")) {
    throw new Error("this page is loaded as ever");
  }
  document.dispatchEvent(new CustomEvent("soloscore:leave"));
  // Moved, not removed: a sound that leaves the document stops.
  if (audio && !bar.contains(audio)) bar.append(audio);
  for (const part of PARTS) document.querySelector(part).replaceWith(document.importNode(page.querySelector(part), true));
  document.title = page.title;
  document.body.className = page.body.className;
  const main = document.querySelector("main");
  main.dispatchEvent(new CustomEvent("soloscore:added", { bubbles: true }));
  const known = new Set([...document.scripts].map((script) => script.src));
  for (const { src } of page.querySelectorAll("script[type=module][src]")) {
    if (known.has(src)) continue;
    const script = document.createElement("script");
    script.type = "module";
    script.src = src;
    document.body.append(script);
  }
  main.focus({ preventScroll: true });
  said.textContent = page.title;
}

globalThis.navigation?.addEventListener("navigate", (event) => {
  const { canIntercept, hashChange, downloadRequest, formData, navigationType, destination } = event;
  if (!canIntercept || hashChange || downloadRequest !== null || formData || navigationType === "reload") return;
  if (!HERE.test(new URL(destination.url).pathname) || isWaiting(document)) return;
  event.intercept({
    focusReset: "manual",
    async handler() {
      try {
        await change(destination.url, event.signal);
      } catch {
        // Not one of ours, or no connection: the browser knows best. Nothing, if somebody has gone on meanwhile.
        if (!event.signal.aborted) window.location.reload();
      }
    },
  });
});
