// One switch folds the cells that only prepare, draw or assert, and remembers it on this device.
// Where nothing can be kept it still works, for the page. The page's head applies what is kept.
{
  const root = document.documentElement;
  const KEY = "attention-book-code";

  function keep(folded) {
    try {
      localStorage.setItem(KEY, folded ? "folded" : "shown");
    } catch {
      // Nothing can be kept here.
    }
  }

  function open(cell, opened) {
    cell.classList.toggle("code-shown", opened);
    const button = cell.querySelector(".show-code");
    button.setAttribute("aria-expanded", opened);
    button.textContent = opened ? "Fold the code" : "Show the code";
  }

  // What one reads stays where it is, though much above it comes or goes.
  function inItsPlace(change) {
    const inView = (part) => part.getBoundingClientRect().bottom > innerHeight / 3;
    const parts = document.querySelectorAll("article :is(p, h1, h2, h3, .cell_output)");
    const read = [...parts].find(inView);
    const before = read?.getBoundingClientRect().top;
    root.style.overflowAnchor = "none"; // a browser that does the same would do it twice
    change();
    if (read) scrollBy({ top: read.getBoundingClientRect().top - before, behavior: "instant" });
    requestAnimationFrame(() => { root.style.overflowAnchor = ""; });
  }

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("fold-code");
    if (!button) return;
    const cells = [...document.querySelectorAll(".cell.only-shows")];
    button.setAttribute("aria-checked", root.dataset.code === "folded");

    button.addEventListener("click", () => inItsPlace(() => {
      const folded = root.dataset.code !== "folded";
      root.dataset.code = folded ? "folded" : "shown";
      button.setAttribute("aria-checked", folded);
      for (const cell of cells) open(cell, false);
      document.getElementById("fold-says").textContent =
        folded ? `${cells.length} pieces of code folded` : "All code shown";
      keep(folded);
    }));

    for (const cell of cells) {
      cell.querySelector(".show-code").addEventListener("click", () =>
        open(cell, !cell.classList.contains("code-shown")));
    }
  });
}
