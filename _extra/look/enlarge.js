// A figure opens in place, larger, with its number and what is to be seen on it. Loaded with the
// first figure that is opened. Escape, the button and a tap beside it close it; the browser then
// gives the keyboard back to the figure. Two fingers zoom, one moves, as everywhere.
"use strict";

function enlarge(link) {
  const picture = link.querySelector("img");
  const follows = (one) => link.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
  const numbers = [...link.parentElement.querySelectorAll(".figure-number")];
  const name = numbers.find(follows)?.textContent ?? "Figure";

  const make = (tag, attributes, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };
  const large = make("img", { src: link.href, alt: picture.alt, className: picture.className });
  const room = make("div", { className: "enlarged-room", tabIndex: 0 }, large);
  room.setAttribute("role", "group");
  room.setAttribute("aria-label", "The figure; arrow keys move it");
  let zoom = 1;
  const scale = (by) => () => {
    zoom = Math.min(4, Math.max(1, zoom * by));
    large.style.setProperty("--zoom", zoom);
  };
  const button = (label, onclick) => make("button", { type: "button", onclick }, label);
  const box = make("dialog", { className: "enlarged" },
    room,
    make("p", { className: "enlarged-says" }, make("strong", {}, `${name}. `), picture.alt),
    make("div", { className: "enlarged-tools" },
      button("Larger", scale(1.5)), button("Smaller", scale(1 / 1.5)), button("Close", () => box.close())),
  );
  box.setAttribute("aria-label", name);
  box.addEventListener("keydown", ({ key }) => key === "Escape" && box.close());
  box.addEventListener("click", ({ target }) => target === box && box.close());
  box.addEventListener("close", () => {
    box.remove();
    link.focus({ preventScroll: true });
  });
  document.body.append(box);
  box.showModal();
}
