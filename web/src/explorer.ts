/** The API explorer: a vendored program, shown our description, with the reader's own session. */

import "./explorer.css";
import { api, get } from "./lib/api";
import { Problem } from "./lib/errors";
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

/** Name what the explorer leaves without a name, as it draws. */
function name(node: Element): void {
  const look = () => {
    for (const button of node.querySelectorAll("button:not([aria-label], [aria-labelledby])")) {
      // The words of this one are hidden until it is pointed at.
      if (button.matches(".scalar-code-copy")) button.setAttribute("aria-label", "Copy");
      else if ((button.textContent ?? "").trim() === "") {
        button.setAttribute("aria-label", button.getAttribute("title") ?? "Show or hide");
      }
    }
  };
  new MutationObserver(look).observe(node, { childList: true, subtree: true });
  look();
}

interface Parameter {
  name?: string;
  schema?: Record<string, unknown>;
  example?: unknown;
}

interface Description {
  servers?: { url: string; description: string }[];
  paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
}

/** Our description, with this server and with the reader's own measures in its places for them. */
async function description(): Promise<Description> {
  const [made, extent] = await Promise.all([
    get<Description>("/openapi.json"),
    // Without them the explorer still works.
    api.extent().catch((): Record<string, never> => ({})),
  ]);
  const own = Object.keys(extent);
  // Requests go to this server with the cookie of the session.
  made.servers = [{ url: `${location.origin}/api/v1`, description: "This server, as you" }];
  const liked = own.includes("steps") ? "steps" : own[0];
  if (liked === undefined) return made;
  for (const path of Object.values(made.paths)) {
    for (const operation of Object.values(path)) {
      for (const parameter of operation.parameters ?? []) {
        if (parameter.name !== "measure" && parameter.name !== "measures") continue;
        parameter.example = liked;
        parameter.schema = { ...parameter.schema, examples: own };
      }
    }
  }
  return made;
}

async function open(): Promise<void> {
  if (where === null) return;
  where.textContent = "";
  try {
    const [content] = await Promise.all([description(), script(`/vendor/scalar-${vendored.version}.js`)]);
    const { Scalar } = window as unknown as { Scalar: Scalar };
    Scalar.createApiReference(where, {
      content,
      withDefaultFonts: false,
      telemetry: false,
      theme: "none",
      layout: "modern",
      darkMode: document.documentElement.dataset["theme"] === "dark",
      hideDarkModeToggle: true,
      hideClientButton: true,
      showDeveloperTools: "never",
      agent: { disabled: true },
      mcp: { disabled: true },
      documentDownloadType: "json",
      defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    });
    name(where);
  } catch (error) {
    trouble(where, error);
  }
}

function trouble(node: Element, error: unknown): void {
  const note = document.createElement("p");
  note.className = "trouble";
  note.append(`${error instanceof Problem ? error.message : "The explorer could not be loaded."} `);
  const again = document.createElement("button");
  again.className = "btn small";
  again.textContent = "Try again";
  again.addEventListener("click", () => void open());
  note.append(again);
  node.replaceChildren(note);
}

void open();
