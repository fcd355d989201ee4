// Shows on the drawing of a piece from which phrase on a variation would be new.

for (const form of document.querySelectorAll("[data-more]")) {
  const show = () => {
    const bar = form.querySelector("[name=from_bar]:checked")?.value;
    for (const mark of form.querySelectorAll("[data-bar]")) mark.classList.toggle("is-chosen", mark.dataset.bar === bar);
  };
  form.addEventListener("change", show);
  show();
}
