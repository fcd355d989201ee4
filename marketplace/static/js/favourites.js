// Keeps a piece among the favourites, or drops it, without leaving the page. Without this script the form does it.

function setUp(form) {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    const keep = button.getAttribute("aria-pressed") !== "true";
    const fields = new FormData(form);
    fields.set("keep", keep ? "1" : "");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: fields,
        headers: { Accept: "application/json" },
        credentials: "same-origin",
      });
      if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
      button.setAttribute("aria-pressed", String(keep));
      button.value = keep ? "" : "1";
    } catch {
      // The server says what is wrong better than we could: send the form as it is. `requestSubmit` would come here again.
      button.value = keep ? "1" : "";
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "keep";
      field.value = button.value;
      form.append(field);
      form.submit();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

for (const form of document.querySelectorAll("[data-heart]")) setUp(form);
document.addEventListener("soloscore:added", (event) => {
  for (const form of event.target.querySelectorAll("[data-heart]")) setUp(form);
});
