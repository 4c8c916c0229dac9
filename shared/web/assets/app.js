// Improves pages that work without it.

// After a refused form, whoever uses a keyboard or a screen reader begins at the summary of errors.
document.getElementById("error-summary")?.focus();

// A password can be shown while it is typed.
for (const input of document.querySelectorAll("input[data-reveal]")) {
  const [show, hide] = input.dataset.reveal.split("|");
  const box = document.createElement("div");
  const button = document.createElement("button");
  box.className = "with-reveal";
  button.type = "button";
  button.textContent = show;
  button.setAttribute("aria-controls", input.id);
  button.setAttribute("aria-pressed", "false");
  input.replaceWith(box);
  box.append(input, button);
  button.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    button.textContent = hidden ? hide : show;
    button.setAttribute("aria-pressed", String(hidden));
  });
  input.form?.addEventListener("submit", () => { input.type = "password"; });
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form.our-form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.our-form")) delete form.dataset.sent;
});

// The user's menu closes with Escape and with a click elsewhere.
const menu = document.querySelector(".user-menu");
if (menu) {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
}

// Where the browser cannot do the captcha's work (no secure context), the question takes its place.
if (!globalThis.crypto?.subtle) {
  for (const robot of document.querySelectorAll(".robot")) {
    const question = robot.querySelector("noscript");
    if (!question) continue;
    robot.querySelector("altcha-widget")?.remove();
    question.outerHTML = question.textContent;
  }
}
