/* The form of one person, for guests and at the gate: show what its document needs, and keep what a guest typed.
   Without this script all fields stand there. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-person]");
  if (!form) return;
  var kind = form.elements.document_type;

  function birth() {
    var number = form.elements.document_number.value.replace(/\s/g, "");
    if (kind.value === "resident_id") {
      return /^\d{17}[\dXx]$/.test(number) ? number.slice(6, 10) + "-" + number.slice(10, 12) + "-" + number.slice(12, 14) : "";
    }
    return form.elements.birth_date.value;
  }

  function isMinor() {
    var parts = birth().split(/\D/);
    if (parts.length !== 3) return false;
    var adult = new Date(Number(parts[0]) + 18, Number(parts[1]) - 1, Number(parts[2]));
    return adult > new Date();
  }

  function show(id, wanted) {
    var part = document.getElementById(id);
    part.hidden = !wanted && !part.querySelector("[aria-invalid]");
  }

  function fit() {
    show("only-passport", kind.value === "passport");
    show("not-resident", kind.value !== "resident_id");
    show("only-minor", isMinor() || form.elements.guardian_contact.value !== "");
  }

  /* A field that is left is kept: whoever closes the page goes on where they were. */
  function keep() {
    if (!form.hasAttribute("data-draft")) return;
    var typed = [];
    for (var i = 0; i < form.elements.length; i++) {
      var one = form.elements[i];
      if (one.name) typed.push(encodeURIComponent(one.name) + "=" + encodeURIComponent(one.value));
    }
    var sent = new XMLHttpRequest();
    sent.open("POST", form.getAttribute("data-draft"));
    sent.setRequestHeader("content-type", "application/x-www-form-urlencoded");
    sent.onloadend = function () { form.setAttribute("data-kept", String(sent.status)); };
    sent.send(typed.join("&"));
  }

  /* What explains a field that is shown only where it belongs has nothing to explain any more. */
  var plain = form.querySelectorAll("[data-plain]");
  for (var i = 0; i < plain.length; i++) plain[i].hidden = true;
  form.addEventListener("input", fit);
  form.addEventListener("change", function () { fit(); keep(); });
  fit();
  var wrong = form.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
})();
