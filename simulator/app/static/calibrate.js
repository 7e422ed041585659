/* Rating by keyboard: 1 to 5 and 0 answer the question that has the focus, else the first one without an answer, and lead
   to the next; Enter goes on, B goes back. What lacks an answer is shown when going on. */
addEventListener("keydown", (event) => {
  const form = document.getElementById("rate-form");
  if (!form || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = event.target;
  if (at.closest("textarea, input:not([type=radio]), select")) return;
  const questions = [...form.querySelectorAll(".question")];
  const open = questions.find((q) => !q.querySelector(":checked"));
  if (/^[0-5]$/.test(event.key)) {
    const question = at.closest(".question") || open || questions[0];
    const radio = question.querySelector(`input[data-key="${event.key}"]`);
    if (!radio) return;
    event.preventDefault();
    radio.checked = true;
    const next = questions[questions.indexOf(question) + 1];
    const there = next ? next.querySelector(":checked") || next.querySelector("input") : document.getElementById("rate-next");
    there.focus({ preventScroll: true });
    (next || there).scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && !at.closest("button, a, summary")) {
    event.preventDefault();
    document.getElementById("rate-next").click();
  } else if (event.key.toLowerCase() === "b") {
    document.getElementById("rate-back").click();
  }
});
addEventListener("click", (event) => {
  if (!event.target.closest?.("#rate-next")) return;
  const lacking = [...document.querySelectorAll("#rate-form .question")].filter((q) => !q.querySelector(":checked"));
  for (const question of lacking) question.classList.add("missing");
  lacking[0]?.scrollIntoView({ block: "center" });
}, true);
