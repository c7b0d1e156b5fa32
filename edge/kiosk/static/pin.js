// The keypad: by finger, by keyboard, by screen reader.  Digits leave this page once, and stay nowhere in it.
"use strict";

const IDLE_MS = 20000; // long enough to look a PIN up, short enough that nobody finds half of one
const PIN_MIN = 6;
const pad = document.getElementById("pin-pad");
const digits = document.getElementById("pin-digits");
const note = document.getElementById("pin-note");
let idle = null;

function stay() {
  clearTimeout(idle);
  idle = setTimeout(() => pad.close(), IDLE_MS);
  digits.value = digits.value.replace(/[^0-9]/g, "");
}

// One tone for every key, whatever the digit and whatever becomes of the PIN.
function press() {
  sound.key();
  stay();
}

function clear() {
  digits.value = "";
  note.textContent = "";
}

function type(digit) {
  if (digits.value.length < digits.maxLength) {
    digits.value += digit;
  }
  press();
}

async function enter() {
  press();
  const pin = digits.value;
  if (pin.length < PIN_MIN) {
    note.textContent = note.dataset.short;
    digits.focus();
    return;
  }
  clear();
  let taken = false;
  try {
    const path = `/${encodeURIComponent(document.body.dataset.door)}/pin`;
    const headers = { "content-type": "application/json" };
    taken = (await fetch(path, { method: "POST", headers, body: JSON.stringify({ pin }) })).ok;
  } catch {
    taken = false; // the page itself says when the node is away
  }
  if (taken) {
    pad.close();
  } else {
    note.textContent = note.dataset.busy;
    digits.focus();
  }
}

document.getElementById("pin-open").addEventListener("click", () => {
  pad.showModal();
  digits.focus();
  stay();
});
document.getElementById("pin-close").addEventListener("click", () => pad.close());
document.getElementById("pin-clear").addEventListener("click", () => { clear(); digits.focus(); press(); });
document.getElementById("pin-enter").addEventListener("click", enter);
pad.addEventListener("close", () => { clearTimeout(idle); clear(); });
pad.querySelectorAll("[data-digit]").forEach((key) => {
  key.addEventListener("click", () => type(key.dataset.digit));
});
digits.addEventListener("input", press);
digits.addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    enter();
  }
});
