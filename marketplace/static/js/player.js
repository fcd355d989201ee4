// A player over <audio>: play and pause, a waveform that is a slider, volume, one sound at a time.
// Without this script the browser's own controls stay.

const STEP_SECONDS = 5;
const VOLUME_KEY = "soloscore-volume";
let page = new AbortController(); // what is bound to things that may outlive the page

const clock = (seconds) => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

const rememberedVolume = () => {
  try {
    const value = Number(localStorage.getItem(VOLUME_KEY) ?? 1);
    return value >= 0 && value <= 1 ? value : 1;
  } catch {
    return 1;
  }
};

const rememberVolume = (value) => {
  try {
    localStorage.setItem(VOLUME_KEY, String(value));
  } catch {
    // A browser that stores nothing still plays.
  }
};

// The sound of a player: its own, or the one that plays on in the bar, which comes back to it.
function soundOf(root) {
  const own = root.querySelector("audio");
  const kept = document.querySelector("[data-bar] audio");
  if (kept?.src !== own.src) return own;
  own.replaceWith(kept);
  return kept;
}

function setUp(root) {
  const audio = soundOf(root);
  const { signal } = page;
  const controls = root.querySelector(".player-controls");
  const button = root.querySelector("[data-play]");
  const slider = root.querySelector("[data-position]");
  const now = root.querySelector("[data-now]");
  const total = root.querySelector("[data-total]");
  const volume = root.querySelector("[data-volume]");
  const loop = root.querySelector("[data-loop]");
  const error = root.querySelector("[data-error]");
  let duration = Number(root.dataset.seconds) || 0;
  let position = 0;
  let wanted = null; // a place chosen before the sound was loaded
  let frame = 0;

  const show = () => {
    const share = duration ? Math.min(1, position / duration) : 0;
    slider.style.setProperty("--played", `${(share * 100).toFixed(2)}%`);
    slider.setAttribute("aria-valuenow", String(Math.round(position)));
    slider.setAttribute("aria-valuemax", String(Math.round(duration)));
    slider.setAttribute(
      "aria-valuetext",
      slider.dataset.text.replace("{now}", clock(position)).replace("{total}", clock(duration)),
    );
    now.textContent = clock(position);
    total.textContent = clock(duration);
    root.dispatchEvent(
      new CustomEvent("soloscore:position", { bubbles: true, detail: { seconds: position, duration } }),
    );
  };

  const tick = () => {
    if (wanted === null) position = audio.currentTime;
    show();
    if (!audio.paused && root.isConnected) frame = requestAnimationFrame(tick);
  };

  const seek = (seconds) => {
    position = Math.max(0, Math.min(duration, seconds));
    if (audio.readyState > 0) audio.currentTime = position;
    else wanted = position;
    show();
  };

  const toggle = () => {
    if (!audio.paused) {
      audio.pause();
      return;
    }
    error.hidden = true;
    if (audio.error) audio.load();
    audio.play().catch((problem) => {
      if (problem.name !== "AbortError") error.hidden = false;
    });
  };

  const loaded = () => {
    if (Number.isFinite(audio.duration)) duration = audio.duration;
    if (wanted !== null) audio.currentTime = wanted;
    wanted = null;
    show();
  };

  const started = () => {
    root.dataset.playing = "";
    button.setAttribute("aria-label", button.dataset.labelPause);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(tick);
    announce();
  };

  // What the keys of a keyboard, a headset or a locked phone speak to: the sound that began last.
  const announce = () => {
    if (!("mediaSession" in navigator)) return;
    navigator.mediaSession.metadata = new MediaMetadata({ title: root.dataset.title, artist: "Soloscore" });
    const actions = {
      play: () => audio.play(),
      pause: () => audio.pause(),
      seekbackward: () => seek(audio.currentTime - STEP_SECONDS),
      seekforward: () => seek(audio.currentTime + STEP_SECONDS),
      seekto: (details) => seek(details.seekTime),
    };
    for (const [action, handler] of Object.entries(actions)) {
      try {
        navigator.mediaSession.setActionHandler(action, handler);
      } catch {
        // A browser may not know an action.
      }
    }
  };

  const on = (name, then) => audio.addEventListener(name, then, { signal });
  on("loadedmetadata", loaded);
  on("play", started);
  on("pause", () => {
    delete root.dataset.playing;
    button.setAttribute("aria-label", button.dataset.labelPlay);
  });
  // Somebody else may move it: the bar, or the keys of a keyboard.
  on("seeked", () => {
    if (audio.paused && !audio.ended) tick();
  });
  on("ended", () => {
    position = duration;
    show();
  });
  on("error", () => {
    error.hidden = false;
  });

  button.addEventListener("click", toggle);

  slider.addEventListener("keydown", (event) => {
    const steps = {
      ArrowRight: position + STEP_SECONDS,
      ArrowUp: position + STEP_SECONDS,
      ArrowLeft: position - STEP_SECONDS,
      ArrowDown: position - STEP_SECONDS,
      PageUp: position + 2 * STEP_SECONDS,
      PageDown: position - 2 * STEP_SECONDS,
      Home: 0,
      End: duration,
    };
    if (event.key in steps) seek(steps[event.key]);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });

  const seekTo = (event) => {
    const box = slider.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * duration);
  };
  slider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    slider.setPointerCapture(event.pointerId);
    seekTo(event);
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) seekTo(event);
  });

  root.addEventListener("soloscore:seek", (event) => seek(event.detail.seconds));

  loop?.setAttribute("aria-pressed", String(audio.loop));
  loop?.addEventListener("click", () => {
    audio.loop = !audio.loop;
    loop.setAttribute("aria-pressed", String(audio.loop));
  });

  audio.volume = rememberedVolume();
  if (volume) {
    volume.value = String(Math.round(audio.volume * 100));
    volume.addEventListener("input", () => {
      const value = Number(volume.value) / 100;
      for (const each of document.querySelectorAll("audio")) each.volume = value;
      rememberVolume(value);
    });
  }

  audio.removeAttribute("controls");
  audio.hidden = true;
  controls.hidden = false;
  show();
  // The page may have come while its sound was playing already: see progress.js.
  if (audio.readyState > 0) loaded();
  if (!audio.paused) started();
}

// One sound at a time, whatever plays it.
document.addEventListener(
  "play",
  (event) => {
    for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  },
  true,
);
for (const root of document.querySelectorAll("[data-player]")) setUp(root);
document.addEventListener("soloscore:leave", () => {
  page.abort();
  page = new AbortController();
});
document.addEventListener("soloscore:added", (event) => {
  for (const root of event.target.querySelectorAll("[data-player]")) setUp(root);
});
