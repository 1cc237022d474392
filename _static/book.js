// What a page of the book does by itself. Without scripts it still reads.

function loadScript(path) {
  const script = document.createElement("script");
  script.src = document.documentElement.dataset.content_root + path;
  return new Promise((resolve) => {
    script.onload = resolve;
    document.head.append(script);
  });
}

// A keyboard reaches whatever scrolls sideways: wide formulas, code, tables. To measure a box is to
// lay it out, so that is done in small pieces, while the page has nothing else to do.
const SCROLLERS = "pre, div.math, .cell_output, .output, .verdict, .pst-scrollable-table-container";
const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));

// What is far from the window is drawn section by section, while the page has nothing else to do.
function drawTheRest() {
  const page = document.documentElement.dataset;
  const far = page.drawn === "near" ? [...document.querySelectorAll(".bd-article section section")] : [];
  const next = () => {
    const section = far.shift();
    if (section) section.style.contentVisibility = "visible";
    else page.drawn = "whole";
    whenIdle(section ? next : letScrollersBeFocused);
  };
  next();
}

function letScrollersBeFocused() {
  const boxes = [...document.querySelectorAll(SCROLLERS)];
  const some = () => {
    const few = boxes.splice(0, 16);
    const wide = few.filter((box) => box.scrollWidth > box.clientWidth);
    wide.forEach((box) => { box.tabIndex = 0; });
    if (boxes.length) whenIdle(some);
  };
  whenIdle(some);
}

addEventListener("load", drawTheRest);
addEventListener("resize", letScrollersBeFocused);

// A notebook cell with the tag live-NAME gets the live figure of that name below its output.
function bringLiveFigures() {
  const cells = document.querySelectorAll('.cell[class*="tag_live-"]');
  const names = new Set([...cells].map((cell) => /tag_live-(\w+)/.exec(cell.className)[1]));
  if (!names.size) return;
  loadScript("live/core.js").then(() => names.forEach((name) => loadScript(`live/${name}.js`)));
}

addEventListener("DOMContentLoaded", bringLiveFigures);

// Questions are answered on the page, and what was passed is marked.
async function bringStudy() {
  const asks = document.getElementById("book-questions");
  const tells = document.querySelector(".progress-page");
  const scripts = [
    ...(asks || tells || hasProgress() ? ["contents", "progress", "marks"] : []),
    ...(asks ? ["reading", "rules", "verdict", "study"] : []),
    ...(tells ? ["page"] : []),
  ];
  for (const name of scripts) await loadScript(`study/${name}.js`);
}

function hasProgress() {
  try {
    return localStorage.getItem("attention-book") !== null;
  } catch {
    return false; // nothing can be kept here
  }
}

addEventListener("DOMContentLoaded", bringStudy);

// On a narrow window the contents lie over the page: who chose a section there wants to see it.
document.addEventListener("click", ({ target }) => {
  const drawer = target.closest?.("dialog[open]");
  if (drawer?.querySelector(".nav-link") && target.closest("a[href*='#']")) drawer.close();
});

// A figure opens in place. A click that wants a new tab gets it, and without scripts there is a link.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("article a.image-reference");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await (document.enlarger ??= loadScript("look/enlarge.js"));
  enlarge(link);
});

// Hover cards: what a link to a term, a source, an equation or a statement leads to, beside it.
// The cards of a page are in a script, since that can also be loaded when the book is read from a disk.
const cards = {
  link: null,
  loaded: {},

  async of(page) {
    if (!page.startsWith("chapters/")) return {};
    await (this.loaded[page] ??= loadScript(`_static/cards/${page}.js`));
    return window.bookCards[page];
  },

  async show({ target, pointerType }) {
    const link = target.closest?.("article a.reference.internal");
    const wanted = () => link.matches(":hover, :focus-visible");
    if (!link?.hash || link === cards.link || pointerType === "touch") return;
    await new Promise((passed) => setTimeout(passed, 120)); // a pointer that only passes
    const root = new URL(document.documentElement.dataset.content_root, location).pathname;
    const [page, place] = [link.pathname.slice(root.length), link.hash.slice(1)].map(decodeURIComponent);
    const content = wanted() && (await cards.of(page))[place];
    if (!content || !wanted()) return;
    cards.remove();
    cards.link = link;
    link.removeAttribute("title"); // says the same
    link.setAttribute("aria-describedby", "hover-card");
    document.body.insertAdjacentHTML("beforeend", `<div class="hover-card" id="hover-card" role="tooltip">${content}</div>`);
    cards.place(document.getElementById("hover-card"), link.getBoundingClientRect());
  },

  place(card, at) {
    const below = innerHeight - at.bottom - 12;
    const above = at.top - 12;
    const under = card.offsetHeight <= below || below >= above;
    card.style.maxHeight = `${under ? below : above}px`;
    card.style.left = `${Math.max(12, Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 12)) + scrollX}px`;
    card.style.top = `${(under ? at.bottom + 6 : at.top - card.offsetHeight - 6) + scrollY}px`;
  },

  // A card stays while the pointer is on it or on its link, or the keyboard is on the link.
  letGo() {
    setTimeout(() => {
      const card = document.getElementById("hover-card");
      if (!card?.matches(":hover") && !cards.link?.matches(":hover, :focus-visible")) cards.remove();
    }, 300);
  },

  remove() {
    document.getElementById("hover-card")?.remove();
    cards.link?.removeAttribute("aria-describedby");
    cards.link = null;
  },
};

for (const event of ["pointerover", "focusin"]) document.addEventListener(event, cards.show);
for (const event of ["pointerout", "focusout"]) document.addEventListener(event, cards.letGo);
document.addEventListener("keydown", ({ key }) => key === "Escape" && cards.remove());

// From a disk, the search cannot read the pages that it finds: it lists them without an excerpt.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The rocket's menu copies the line that a notebook in Colab has to run first.
async function copyLineForColab(event) {
  event.stopPropagation(); // the menu stays open and tells that it is done
  const text = event.currentTarget.querySelector(".btn__text-container");
  const line = /%pip.+/.exec(text.textContent)[0];
  await navigator.clipboard.writeText(line);
  text.textContent = `Copied: ${line}`;
}

// The map: the arrows of the mechanism that one points at.
function lightArrows({ target }) {
  const box = target.closest?.(".map-box");
  if (!box && !document.querySelector(".map-lit")) return;
  for (const arrow of document.querySelectorAll(".map-arrow")) {
    const ends = arrow.dataset.ends.split("|");
    arrow.classList.toggle("map-lit", ends.includes(box?.getAttribute("aria-label")));
  }
}

for (const event of ["pointerover", "focusin"]) document.addEventListener(event, lightArrows);

// On paper a page is light and unfolded, and the solutions stand at the end, where they give
// nothing away.
function lightAndUnfolded() {
  const page = document.documentElement;
  page.dataset.onScreen ??= page.dataset.theme;
  page.dataset.theme = "light";
  for (const picture of document.images) picture.loading = "eager";
  for (const fold of document.querySelectorAll("details:not([open], .exercise-help)")) {
    fold.open = true;
    fold.dataset.folded = "";
  }
}

function solutionsAtTheEnd() {
  if (document.getElementById("solutions-on-paper")) return;
  const end = document.createElement("section");
  end.id = "solutions-on-paper";
  end.innerHTML = "<h2>Solutions</h2>";
  for (const exercise of document.querySelectorAll("section.exercise")) {
    const shown = [...exercise.querySelectorAll("details.exercise-help .highlight")].at(-1);
    const solution = shown ?? window.solutionOf?.(exercise);
    if (!solution) continue;
    const title = exercise.querySelector("h2, h3").cloneNode(true);
    title.querySelector(".headerlink")?.remove();
    end.append(title, solution.cloneNode(true));
  }
  if (end.children.length > 1) document.querySelector("article").append(end);
}

function backToTheScreen() {
  document.getElementById("solutions-on-paper")?.remove();
  document.documentElement.dataset.theme = document.documentElement.dataset.onScreen;
  delete document.documentElement.dataset.onScreen;
  for (const fold of document.querySelectorAll("[data-folded]")) {
    fold.open = false;
    delete fold.dataset.folded;
  }
}

addEventListener("beforeprint", () => [lightAndUnfolded(), solutionsAtTheEnd()]);
addEventListener("afterprint", backToTheScreen);
