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
  const say = (text, verdict) => {
    result.textContent = text;
    result.dataset.verdict = verdict;
  };

  input.disabled = false;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    say(root.dataset.busy, "");
    try {
      const name = known.get(await sha256(file));
      if (name) say(root.dataset.match.replace("{name}", name), "match");
      else say(root.dataset.miss, "miss");
    } catch {
      say(root.dataset.fail, "miss");
    }
  });
}
