// Asks how far a piece is, often at first and less often later; offers its opening as soon as there is one, and opens
// the piece once it is ready. Where the opening has been heard, the whole preview goes on from the same place.

const QUICK_WAIT = 300;
const QUICK_FOR = 10000;
const USUAL_WAIT = 1000;
const LONGEST_WAIT = 5000;
const SLOWER = 1.15;
const VOLUME_KEY = "soloscore-volume";

const root = document.querySelector("[data-progress]");

const firstWait = () => (performance.now() < QUICK_FOR ? QUICK_WAIT : USUAL_WAIT);

// The opening of the piece: a button over <audio>. Without this script the browser's own controls stay.
function openingOf(box) {
  const audio = box.querySelector("audio");
  const button = box.querySelector("[data-play]");
  const error = box.querySelector("[data-error]");
  const said = root.querySelector("[data-opening-said]");

  const isPlaying = () => !audio.paused && !audio.ended;

  const offer = (url) => {
    box.hidden = said.hidden = !url && !isPlaying();
    if (url && !audio.hasAttribute("src")) {
      audio.preload = "auto";
      audio.src = url;
    } else if (box.hidden) {
      audio.removeAttribute("src");
    }
  };

  const show = () => {
    box.toggleAttribute("data-playing", isPlaying());
    button.querySelector("[data-label-play]").hidden = isPlaying();
    button.querySelector("[data-label-pause]").hidden = !isPlaying();
  };

  button.addEventListener("click", () => {
    error.hidden = true;
    if (isPlaying()) {
      audio.pause();
      return;
    }
    if (audio.error) audio.load();
    audio.play().catch((problem) => {
      if (problem.name !== "AbortError") error.hidden = false;
    });
  });
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, show);

  try {
    const volume = Number(localStorage.getItem(VOLUME_KEY) ?? 1);
    if (volume >= 0 && volume <= 1) audio.volume = volume;
  } catch {
    // A browser that stores nothing plays at full volume.
  }
  audio.preload = "auto";
  audio.hidden = true;
  button.hidden = false;
  return { audio, isPlaying, offer };
}

// The notes, as soon as they stand: the module that draws them is only loaded then.
function drawRoll(box, drawing) {
  if (!drawing || !box.hidden) return;
  const data = document.createElement("script");
  data.type = "application/json";
  data.id = "live-roll";
  data.textContent = JSON.stringify(drawing.roll);
  box.append(data);
  box.dataset.roll = data.id;
  box.dataset.bpm = drawing.bpm;
  box.dataset.seconds = drawing.seconds;
  box.dataset.reveal = "";
  box.hidden = false;
  import(box.dataset.module).catch(() => {
    box.hidden = true;
  });
}

const happened = (audio, name) =>
  new Promise((resolve, reject) => {
    audio.addEventListener(name, resolve, { once: true });
    audio.addEventListener("error", reject, { once: true });
  });

// Puts the finished piece in the place of the waiting page without leaving it, so that the sound does not stop.
async function goOn(opening) {
  const wasPlaying = opening.isPlaying();
  const answer = await fetch(window.location.href, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.importNode(page.querySelector("main"), true);
  const audio = main.querySelector(".player-large audio");
  audio.preload = "auto";
  audio.volume = opening.audio.volume;
  audio.load();
  await happened(audio, "canplaythrough");
  audio.currentTime = opening.audio.currentTime;
  await happened(audio, "seeked");
  if (opening.isPlaying() || (wasPlaying && opening.audio.ended)) await audio.play();
  opening.audio.pause();
  document.querySelector("main").replaceWith(main);
  document.title = page.title;
  // Modules that are loaded already do not run again; the others find the page as it is now.
  main.dispatchEvent(new CustomEvent("soloscore:added", { bubbles: true }));
  for (const { src } of page.querySelectorAll("script[type=module][src]")) {
    const script = document.createElement("script");
    script.type = "module";
    script.src = src;
    document.body.append(script);
  }
  main.focus({ preventScroll: true });
}

if (root) {
  const bar = root.querySelector("[data-percent]");
  const percentText = root.querySelector("[data-percent-text]");
  const label = root.querySelector("[data-label]");
  const queue = root.querySelector("[data-queue]");
  const notes = root.querySelector("[data-notes]");
  const offline = root.querySelector("[data-offline]");
  const opening = openingOf(root.querySelector("[data-opening]"));
  let wait = firstWait();
  let tag = "";
  let timer = 0;
  let stopped = false;

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
    opening.offer(status.opening_url);
    drawRoll(root.querySelector("[data-live-roll]"), status.drawing);
    for (const stage of root.querySelectorAll("[data-stage]")) {
      if (stage.dataset.stage === status.state) stage.setAttribute("aria-current", "step");
      else stage.removeAttribute("aria-current");
    }
  };

  const finish = async (status) => {
    if (status.preview_url && opening.audio.currentTime > 0) {
      try {
        await goOn(opening);
        return;
      } catch {
        // The page as the server sends it does as well, only silently.
      }
    }
    window.location.reload();
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
          stopped = true;
          await finish(status);
          return;
        }
        show(status);
        wait = firstWait();
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
    if (document.visibilityState !== "visible" || stopped) return;
    window.clearTimeout(timer);
    wait = firstWait();
    ask();
  });
  timer = window.setTimeout(ask, wait);
}
