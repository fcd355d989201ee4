// Compares a file's SHA-256 with the list on the page. The file never leaves the browser.

const root = document.querySelector("[data-verify]");

async function sha256(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

if (root && globalThis.crypto?.subtle) {
  const input = root.querySelector("input[type=file]");
  const result = root.querySelector("[data-result]");
  const known = new Map(
    [...document.querySelectorAll("[data-sha256]")].map((each) => [each.dataset.sha256.toLowerCase(), each.dataset.name]),
  );
  const names = new Set(known.values());
  let asked = 0;

  const say = (text, verdict) => {
    result.textContent = text;
    result.dataset.verdict = verdict;
  };

  // A download has the Copyright ID before its name.
  const calledLike = (file) => file.name.replace(/^SLS(-[0-9A-Z]{4}){3}-/, "");

  const check = async (file) => {
    if (!file) return;
    const mine = ++asked;
    say(root.dataset.busy, "");
    try {
      const name = known.get(await sha256(file));
      // Of two files chosen in a row, the later one is answered.
      if (mine !== asked) return;
      if (name) say(root.dataset.match.replace("{name}", name), "match");
      else if (names.has(calledLike(file))) say(root.dataset.altered.replace("{name}", calledLike(file)), "miss");
      else say(root.dataset.miss, "miss");
    } catch {
      if (mine === asked) say(root.dataset.fail, "miss");
    }
  };

  input.disabled = false;
  input.addEventListener("change", () => check(input.files[0]));
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("is-over");
  });
  root.addEventListener("dragleave", () => root.classList.remove("is-over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("is-over");
    input.value = "";
    check(event.dataTransfer.files[0]);
  });
}
