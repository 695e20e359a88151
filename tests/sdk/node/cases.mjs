// What the recorded answers say, and what the environment tells about this run.

import { readFileSync } from "node:fs";

export const BASE = process.env.SDK_BASE;
export const KEY = process.env.SDK_KEY;
export const MODELS = JSON.parse(process.env.SDK_MODELS);
const DIRECT = process.env.SDK_DIRECT === "1";

// These texts choose the recorded answer (see run.py).
export const PLAIN = "Say something plain.";
export const TOOL = "Please use the tool.";
export const RESULT = "The tool says 18.";

/** Without a gateway in between, each SDK can only reach the upstream that speaks its own dialect. */
export const upstreams = (own) => (DIRECT ? [own] : Object.keys(MODELS).sort());

/** Text, tool call and usage of one recorded answer. */
export function says(upstream, kind, stream = false) {
  const name = `${upstream}-${kind}${stream ? "-stream" : ""}.json`;
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url))).says;
}

/** A JSON Schema that fits these arguments. */
export function schema(given) {
  const type = (value) => (Array.isArray(value) ? "array" : typeof value);
  const properties = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, { type: type(value) }]));
  return { type: "object", properties, required: Object.keys(given) };
}
