// Passkeys on the pages that work without: this shows the buttons where the browser has them.
"use strict";

const packed = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const unpacked = (text) => Uint8Array.from(
  atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

async function call(path, body) {
  const answer = await fetch(`/api/v1${path}`, {
    method: "POST",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail || "That did not work.");
  return told;
}

function shown(credential) {
  const r = credential.response;
  const response = { clientDataJSON: packed(r.clientDataJSON) };
  if (r.attestationObject) {
    response.attestationObject = packed(r.attestationObject);
    response.transports = r.getTransports ? r.getTransports() : [];
  } else {
    response.authenticatorData = packed(r.authenticatorData);
    response.signature = packed(r.signature);
    response.userHandle = r.userHandle ? packed(r.userHandle) : null;
  }
  return {
    id: credential.id,
    rawId: packed(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: {},
    authenticatorAttachment: credential.authenticatorAttachment ?? null,
  };
}

async function signIn(place) {
  const { options } = await call("/session/passkey/options");
  const publicKey = { ...options, challenge: unpacked(options.challenge), allowCredentials: [] };
  const credential = await navigator.credentials.get({ publicKey });
  await call("/session/passkey", { credential: shown(credential) });
  location.assign(place.dataset.next);
}

async function make(place) {
  const { options } = await call("/passkeys/options", { password: place.querySelector("[name=password]").value });
  const publicKey = {
    ...options,
    challenge: unpacked(options.challenge),
    user: { ...options.user, id: unpacked(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map((c) => ({ ...c, id: unpacked(c.id) })),
  };
  const credential = await navigator.credentials.create({ publicKey });
  const name = place.querySelector("[name=name]").value || "Passkey";
  await call("/passkeys", { name, credential: shown(credential) });
  location.assign("/security#passkeys");
  location.reload();
}

const DOES = { "sign-in": signIn, make };

if (window.PublicKeyCredential) {
  for (const place of document.querySelectorAll("[data-passkey]")) {
    const problem = place.querySelector("[role=alert]");
    place.hidden = false;
    place.querySelector("button").addEventListener("click", async (event) => {
      event.preventDefault();
      problem.hidden = true;
      try {
        await DOES[place.dataset.passkey](place);
      } catch (error) {
        // The person closed the browser's dialog, or has no passkey for this place.
        problem.textContent = error.name === "NotAllowedError" ? "No passkey was used." : error.message;
        problem.hidden = false;
      }
    });
  }
}
for (const place of document.querySelectorAll("[data-without-passkeys]")) {
  place.hidden = Boolean(window.PublicKeyCredential);
}
