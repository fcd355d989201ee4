// Plays the sample of an instrument on its card, one at a time. Without this script the link opens the sound itself.

const audio = new Audio();
let playing = null;

function stop() {
  audio.pause();
  if (!playing) return;
  delete playing.dataset.playing;
  playing.setAttribute("aria-label", playing.dataset.labelPlay);
  playing = null;
}

audio.addEventListener("ended", stop);
audio.addEventListener("error", stop);

for (const link of document.querySelectorAll("[data-sample]")) {
  link.setAttribute("role", "button");
  link.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    link.click();
  });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const wasPlaying = playing === link;
    stop();
    if (wasPlaying) return;
    playing = link;
    link.dataset.playing = "";
    link.setAttribute("aria-label", link.dataset.labelPause);
    audio.src = link.href;
    audio.play().catch(stop);
  });
}
