// What a form cannot do: ask the browser for a passkey, and put its answer into the form's hidden fields.
"use strict";

const form = document.getElementById("passkey");

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));

function text(buffer) {
  const signs = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(signs).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function known(list) {
  return (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
}

async function make(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: known(options.excludeCredentials),
  };
  const made = await navigator.credentials.create({ publicKey });
  const { clientDataJSON, attestationObject } = made.response;
  return said(made, { clientDataJSON, attestationObject });
}

async function ask(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) };
  const found = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  return said(found, { clientDataJSON, authenticatorData, signature, ...(userHandle ? { userHandle } : {}) });
}

function said(credential, parts) {
  const response = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, text(part)]));
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

async function answer() {
  if (form.dataset.make) {
    return make(JSON.parse(form.dataset.make));
  }
  const body = new URLSearchParams({ csrf: form.elements.csrf.value });
  const asked = await fetch(form.dataset.ask, { method: "POST", body });
  if (!asked.ok) {
    throw new Error(String(asked.status));
  }
  const { ceremony, options } = await asked.json();
  form.elements.ceremony.value = ceremony;
  return ask(JSON.parse(options));
}

if (form && window.PublicKeyCredential && location.origin === form.dataset.origin) {
  form.hidden = false;
  document.getElementById("no-passkey")?.setAttribute("hidden", "");
  form.querySelector("[autofocus]")?.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = document.getElementById("passkey-problem");
    problem.hidden = true;
    try {
      form.elements.answer.value = await answer();
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
}
