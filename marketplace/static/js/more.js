// Shows on the drawing of a piece from which phrase on a variation would be new.

function bind(part) {
  for (const form of part.querySelectorAll("[data-more]")) {
    const show = () => {
      const bar = form.querySelector("[name=from_bar]:checked")?.value;
      for (const mark of form.querySelectorAll("[data-phrase]")) mark.classList.toggle("is-chosen", mark.dataset.phrase === bar);
    };
    form.addEventListener("change", show);
    show();
  }
}

bind(document);
document.addEventListener("soloscore:added", (event) => bind(event.target));
