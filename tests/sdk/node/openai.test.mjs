// The official OpenAI SDK, unmodified but for its base URL and key.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams } from "./cases.mjs";

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0 });
const user = (content) => ({ role: "user", content });
const parsed = (call) => ({ name: call.function.name, arguments: JSON.parse(call.function.arguments) });
const tools = (call) => [
  { type: "function", function: { name: call.name, description: "A tool.", parameters: schema(call.arguments) } },
];

function assertUsage(usage, said) {
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [said.input_tokens, said.output_tokens]);
}

/** The completion that the SDK itself puts together from a stream. */
const streamed = (request) =>
  client.chat.completions.stream({ stream_options: { include_usage: true }, ...request }).finalChatCompletion();

for (const upstream of upstreams("openai")) {
  const model = MODELS[upstream];

  test(`openai chats with ${upstream}`, async () => {
    const said = says(upstream, "plain");
    const answer = await client.chat.completions.create({ model, messages: [user(PLAIN)] });
    assert.equal(answer.choices[0].message.content, said.text);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assertUsage(answer.usage, said);
  });

  test(`openai streams from ${upstream}`, async () => {
    const said = says(upstream, "plain", true);
    const answer = await streamed({ model, messages: [user(PLAIN)] });
    assert.equal(answer.choices[0].message.content, said.text);
    assertUsage(answer.usage, said);
  });

  for (const stream of [false, true]) {
    test(`openai calls a tool on ${upstream}${stream ? ", streamed" : ""}`, async () => {
      const said = says(upstream, "tool-call", stream);
      const ask = stream ? streamed : (request) => client.chat.completions.create(request);
      const request = { model, tools: tools(said.tool) };
      const { message, finish_reason } = (await ask({ ...request, messages: [user(TOOL)] })).choices[0];
      assert.equal(finish_reason, "tool_calls");
      assert.deepEqual(parsed(message.tool_calls[0]), said.tool);
      const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: RESULT };
      const answer = await ask({ ...request, messages: [user(TOOL), message, result] });
      assert.equal(answer.choices[0].message.content, says(upstream, "tool-result", stream).text);
    });
  }
}
