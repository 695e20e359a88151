// The official Anthropic SDK, unmodified but for its base URL and key.

import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams } from "./cases.mjs";

const client = new Anthropic({ baseURL: BASE, apiKey: KEY, maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const textOf = (message) => message.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");

function assertUsage(usage, said) {
  assert.deepEqual([usage.input_tokens, usage.output_tokens], [said.input_tokens, said.output_tokens]);
}

/** The message that the SDK itself puts together from a stream. */
const streamed = (request) => client.messages.stream(request).finalMessage();

for (const upstream of upstreams("anthropic")) {
  const request = { model: MODELS[upstream], max_tokens: 1024 };

  test(`anthropic chats with ${upstream}`, async () => {
    const said = says(upstream, "plain");
    const message = await client.messages.create({ ...request, messages: [user(PLAIN)] });
    assert.deepEqual([textOf(message), message.stop_reason], [said.text, "end_turn"]);
    assertUsage(message.usage, said);
  });

  test(`anthropic streams from ${upstream}`, async () => {
    const said = says(upstream, "plain", true);
    const message = await streamed({ ...request, messages: [user(PLAIN)] });
    assert.deepEqual([textOf(message), message.stop_reason], [said.text, "end_turn"]);
    assertUsage(message.usage, said);
  });

  for (const stream of [false, true]) {
    test(`anthropic calls a tool on ${upstream}${stream ? ", streamed" : ""}`, async () => {
      const said = says(upstream, "tool-call", stream);
      const ask = stream ? streamed : (body) => client.messages.create(body);
      const tools = [{ name: said.tool.name, description: "A tool.", input_schema: schema(said.tool.arguments) }];
      const message = await ask({ ...request, tools, messages: [user(TOOL)] });
      const call = message.content.find((block) => block.type === "tool_use");
      assert.equal(message.stop_reason, "tool_use");
      assert.deepEqual({ name: call.name, arguments: call.input }, said.tool);
      const result = user([{ type: "tool_result", tool_use_id: call.id, content: RESULT }]);
      const turns = [user(TOOL), { role: "assistant", content: message.content }, result];
      const answer = await ask({ ...request, tools, messages: turns });
      assert.equal(textOf(answer), says(upstream, "tool-result", stream).text);
    });
  }
}
