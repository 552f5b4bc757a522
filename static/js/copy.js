// Examples of code get a button that copies them. Without this script they are selected by hand.
const { copy, copied } = document.currentScript.dataset;

for (const code of document.querySelectorAll("main pre > code")) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-small", textContent: copy });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent.trimEnd());
    button.textContent = copied;
    setTimeout(() => { button.textContent = copy; }, 2000);
  });
  const frame = Object.assign(document.createElement("div"), { className: "copyable" });
  code.parentElement.replaceWith(frame);
  frame.append(code.parentElement, button);
}
