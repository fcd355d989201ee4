// Draws the coarse roll of a piece on a canvas and follows the sound. The rectangles are (column, row, columns):
// a column is an eighth note, a row three semitones. The sound starts a tenth of a second after the score.

const LEAD_SECONDS = 0.1;
const LINES = 5;
const REVEAL_MILLISECONDS = 1600;

function setUp(root) {
  const canvas = root.querySelector("canvas");
  const data = document.getElementById(root.dataset.roll);
  const player = document.querySelector(".player-large[data-player]");
  const rectangles = data ? JSON.parse(data.textContent) : [];
  if (!rectangles.length) {
    root.classList.add("roll-empty");
    return;
  }
  const columnSeconds = 30 / Number(root.dataset.bpm);
  const seconds = Number(root.dataset.seconds) || 1;
  const rows = Math.max(6, ...rectangles.map(([, row]) => row)) + 1;
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  let colours = {};
  let position = 0;
  let shown = "reveal" in root.dataset && !window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1;

  const readColours = () => {
    const style = getComputedStyle(root);
    const read = (name) => style.getPropertyValue(name).trim();
    colours = { line: read("--roll-line"), note: read("--roll-note"), played: read("--roll-played"), cursor: read("--roll-cursor") };
  };

  const draw = () => {
    const { width, height } = canvas.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    const margin = 16;
    const rowHeight = (height - 2 * margin) / rows;
    const thick = Math.max(3, Math.min(9, rowHeight * 0.62));

    pen.fillStyle = colours.line;
    for (let line = 0; line < LINES; line += 1) {
      pen.fillRect(0, Math.round(margin + ((height - 2 * margin) * (line + 0.5)) / LINES), width, 1);
    }
    const xOf = (time) => (time / seconds) * width;
    for (const [column, row, columns] of rectangles) {
      if (column * columnSeconds > shown * seconds) continue;
      const start = LEAD_SECONDS + column * columnSeconds;
      const x = xOf(start);
      const length = Math.max(thick, xOf(columns * columnSeconds) - 1.5);
      const y = height - margin - (row + 0.5) * rowHeight - thick / 2;
      pen.fillStyle = position > 0 && start <= position ? colours.played : colours.note;
      pen.fillRect(x, y, length, thick);
    }
    if (position > 0) {
      pen.fillStyle = colours.cursor;
      pen.fillRect(Math.round(xOf(position)) - 1, 0, 2, height);
    }
  };

  player?.addEventListener("soloscore:position", (event) => {
    position = event.detail.seconds;
    draw();
  });
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    player?.dispatchEvent(new CustomEvent("soloscore:seek", { detail: { seconds: share * seconds } }));
  });
  scheme.addEventListener("change", () => {
    readColours();
    draw();
  });
  new ResizeObserver(draw).observe(canvas);
  readColours();
  draw();
  const began = performance.now();
  const reveal = (now) => {
    shown = Math.min(1, (now - began) / REVEAL_MILLISECONDS);
    draw();
    if (shown < 1) requestAnimationFrame(reveal);
  };
  if (shown < 1) requestAnimationFrame(reveal);
}

for (const root of document.querySelectorAll("[data-roll]")) setUp(root);
document.addEventListener("soloscore:added", (event) => {
  for (const root of event.target.querySelectorAll("[data-roll]")) setUp(root);
});
