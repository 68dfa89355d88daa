/** The API explorer: a vendored program, shown our description, with the reader's own session. */

import "./explorer.css";
import vendored from "../vendor.json";

interface Scalar {
  createApiReference: (where: Element, options: Record<string, unknown>) => unknown;
}

const where = document.getElementById("explorer");

function script(address: string): Promise<void> {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = () => done();
    element.onerror = () => failed(new Error(address));
    document.head.append(element);
  });
}

async function open(): Promise<void> {
  if (where === null) return;
  where.textContent = "";
  try {
    await script(`/vendor/scalar-${vendored.version}.js`);
    const { Scalar } = window as unknown as { Scalar: Scalar };
    Scalar.createApiReference(where, {
      url: "/api/v1/openapi.json",
      withDefaultFonts: false,
      telemetry: false,
      theme: "none",
      layout: "modern",
      darkMode: document.documentElement.dataset["theme"] === "dark",
      hideDarkModeToggle: true,
      hideClientButton: true,
      showDeveloperTools: "never",
      showToolbar: "never",
      agent: { disabled: true },
      mcp: { disabled: true },
      documentDownloadType: "json",
      defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
      // Requests go to this server with the cookie of the session.
      servers: [{ url: `${location.origin}/api/v1`, description: "This server, as you" }],
    });
  } catch {
    trouble(where);
  }
}

function trouble(node: Element): void {
  const note = document.createElement("p");
  note.className = "trouble";
  note.append("The explorer could not be loaded: the server does not answer. ");
  const again = document.createElement("button");
  again.className = "btn small";
  again.textContent = "Try again";
  again.addEventListener("click", () => void open());
  note.append(again);
  node.replaceChildren(note);
}

void open();
