#!/usr/bin/env python3
"""Turns a table of model prices into the catalogue's.

    python3 scripts/prices.py TABLE.json

reads TABLE.json and writes, beside the catalogue's provider files,

    shared/config/catalog/prices.tsv   one model a line, sorted by byte order, searched without being parsed
    shared/config/catalog/NOTICE.md    where the facts come from

TABLE.json is an object with `meta` (`about`: source and licence) and `models`, a list of rows:

    provider, model             who serves it, and under which name
    mode                        chat, completion, responses, embedding, moderation, guardrail, rerank, image_generation,
                                image_edit, audio_speech, audio_transcription; other modes are left out
    usd_per_million_tokens      input, output, cache_read, cache_write, cache_write_1h, reasoning_output,
                                each also as *_above_<N>k, *_priority, *_flex and *_batch
                                input and output also as audio and image tokens
    other_prices_usd            prices per single token of further tiers, per request, and by the piece: per image, pixel,
                                second, character, query
    context_window, max_output, supports[], facts{prompt_cache_min_tokens, *_uplift_multiplier*}

A line of prices.tsv is `kind/model`, a tab, and space-separated facts. Prices are whole picodollars
(10^-12 dollars) for one token; what does not come out whole is rounded up and counted in the report.

    i o r w h t      input, output, cache read, cache write (5 minutes), cache write (1 hour), reasoning
    q                once per request
    g G a A          image tokens in and out, audio tokens in and out
    y x d e          a search unit, or a search of the web; a character spoken; a second of audio heard, and made
    Y                an answer for which the web was searched, however often
    v z              an image looked at; an image made
    T C S R U I      a guardrail's text unit for topics, content, sensitive information, grounding and reasoning; its image
    #Q:S,N           an image of quality Q and size S (either may be empty) costs N
    c m p            context window, most output tokens, shortest cacheable prefix (tokens)
    u                uplift of regional endpoints, in per cent
    s                what it supports: f functions, d documents, k prompt caching, t reasoning, j schemas, v vision
    @N,i6,o7         the same prices once the prompt exceeds N tokens; @priority,…, @flex,… and @batch,… by served
                     tier, @priority:N,… both
    free             known to cost nothing
"""

import json
import pathlib
import re
import sys
from decimal import ROUND_CEILING, Decimal

CATALOG = pathlib.Path(__file__).resolve().parent.parent / "shared" / "config" / "catalog"
MODES = {"chat", "completion", "responses", "embedding", "moderation", "guardrail"}
MEDIA = {"rerank", "image_generation", "image_edit", "audio_speech", "audio_transcription"}
UNIT_TOKENS = {"input_image_token": "g", "output_image_token": "G", "input_audio": "a", "output_audio": "A"}
UNITS = {
    "input_cost_per_query": "y",
    "input_cost_per_character": "x",
    "input_cost_per_second": "d",
    "output_cost_per_second": "e",
    "output_cost_per_image": "z",
    "input_cost_per_image": "v",
}
# A model that is listed once for each quality and size of its images: `high/1024-x-1024/gpt-image-1`.
PICTURE = re.compile(r"^(?:(?P<quality>low|medium|high|standard|hd)/)?(?P<width>\d+)-x-(?P<height>\d+)/(?P<model>[^/]+)$")
LETTERS = {"input": "i", "output": "o", "cache_read": "r", "cache_write": "w", "cache_write_1h": "h", "reasoning_output": "t"}
SUPPORTS = {"function_calling": "f", "pdf_input": "d", "prompt_caching": "k", "reasoning": "t", "response_schema": "j", "vision": "v"}

# The table's provider names, where the catalogue's differ.
KINDS = {
    "azure": "azure_openai",
    "azure_text": "azure_openai",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "text-completion-openai": "openai",
    "together_ai": "together",
}

# Prices per token that the table keeps under their source's names.
OTHER = re.compile(
    r"^(?P<what>input_cost_per_token|output_cost_per_token|cache_read_input_token_cost|cache_creation_input_token_cost)"
    r"(?P<hour>_above_1hr)?(?:_above_(?P<above>\d+)k_tokens)?(?:_(?P<tier>priority|flex|batch)(?:es)?)?$"
)
OTHER_WHAT = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}
NAMED = re.compile(
    r"^(?P<what>input|output|cache_read|cache_write_1h|cache_write|reasoning_output)"
    r"(?:_above_(?P<above>\d+)k)?(?:_(?P<tier>priority|flex|batch))?$"
)
GUARDRAIL = {
    "topicPolicyUnits": "T",
    "contentPolicyUnits": "C",
    "sensitiveInformationPolicyUnits": "S",
    "contextualGroundingPolicyUnits": "R",
    "automatedReasoningPolicyUnits": "U",
    "contentPolicyImageUnits": "I",
}


class Rounding:
    """Counts the prices that are not whole picodollars."""

    def __init__(self):
        self.up = 0

    def pico(self, usd_per_token):
        exact = usd_per_token * 10**12
        whole = exact.to_integral_value(rounding=ROUND_CEILING)
        self.up += whole != exact
        return int(whole)


def kind_of(provider):
    if provider.startswith("vertex_ai"):
        return "vertex_ai"
    return KINDS.get(provider, provider)


def tier_name(above, tier):
    """`` for the plain price, `200000`, `priority`, `priority:272000`."""
    tokens = str(int(above) * 1000) if above else ""
    return ":".join(part for part in (tier, tokens) if part)


def token_prices(row, rounding):
    """{tier: {letter: picodollars}}"""
    tiers = {}
    for name, price in row["usd_per_million_tokens"].items():
        if found := NAMED.match(name):
            tier = tiers.setdefault(tier_name(found["above"], found["tier"]), {})
            tier[LETTERS[found["what"]]] = rounding.pico(Decimal(price) / 1_000_000)
    for name, price in (row.get("other_prices_usd") or {}).items():
        if found := OTHER.match(name):
            what = OTHER_WHAT[found["what"]] + ("_1h" if found["hour"] else "")
            tier = tiers.setdefault(tier_name(found["above"], found["tier"]), {})
            tier.setdefault(LETTERS[what], rounding.pico(Decimal(price)))
    return tiers


def uplift_percent(facts):
    found = [Decimal(value) for name, value in facts.items() if "uplift_multiplier" in name]
    return int(((max(found) - 1) * 100).to_integral_value(rounding=ROUND_CEILING)) if found else 0


def unit_prices(row, rounding):
    """{letter: picodollars} of what is billed by the piece, or by tokens that are not text."""
    units = {}
    for name, letter in UNIT_TOKENS.items():
        if price := row["usd_per_million_tokens"].get(name):
            units[letter] = rounding.pico(Decimal(price) / 1_000_000)
    for name, letter in UNITS.items():
        if price := (row.get("other_prices_usd") or {}).get(name):
            units[letter] = rounding.pico(Decimal(price))
    if row["mode"] in ("image_generation", "image_edit") and "z" not in units and "v" in units:
        # Makers of images alone list the price of one they make under "input".
        units["z"] = units.pop("v")
    if row["mode"] == "audio_transcription":
        units.pop("e", None)
    return units


def search_price(row, rounding):
    """{letter: picodollars} of what a chat's provider asks for searches of the web: the dearest of its sizes."""
    prices = (row.get("other_prices_usd") or {}).get("search_context_cost_per_query") or {}
    price = max((Decimal(price) for price in prices.values()), default=0)
    google = row["provider"] in ("gemini", "vertex_ai-language-models")
    each = not google or (row.get("facts") or {}).get("web_search_billing_unit") == "per_query"
    return {"y" if each else "Y": rounding.pico(price)} if price else {}


def picture_of(row, rounding):
    """(model, name, picodollars) of a row that prices one quality and size of a model's images, or nothing."""
    found = PICTURE.match(row["model"])
    if row["mode"] != "image_generation" or not found:
        return None
    other = row.get("other_prices_usd") or {}
    pixels = int(found["width"]) * int(found["height"])
    price = Decimal(other.get("input_cost_per_image") or other.get("output_cost_per_image") or 0)
    price = price or Decimal(other.get("input_cost_per_pixel") or 0) * pixels
    if not price:
        return None
    return found["model"], f"#{found['quality'] or ''}:{found['width']}x{found['height']}", rounding.pico(price)


def media_facts_of(row, rounding):
    """The facts of a row of media: whatever is priced of it, tokens or pieces."""
    tokens = {letter: price for letter, price in token_prices(row, rounding).get("", {}).items() if price}
    units = unit_prices(row, rounding)
    only_steps = row["mode"] == "image_generation" and not units
    if only_steps or not (tokens or units):
        return None
    facts = {"i": 0, "o": 0} | tokens | units
    numbers = {"c": row.get("context_window"), "m": row.get("max_output")}
    if row["mode"] not in ("rerank", "image_generation", "image_edit"):
        facts.update({name: int(value) for name, value in numbers.items() if value})
    return facts


def facts_of(row, rounding):
    """The facts of a row as {name: value}, or nothing if its price is not known."""
    if row["mode"] == "guardrail":
        prices = row["other_prices_usd"]["guardrail_cost_per_unit"]
        return {letter: rounding.pico(Decimal(prices[name])) for name, letter in GUARDRAIL.items()}
    # Some models that speak are listed as if they chatted: what they make is sound all the same.
    if row["mode"] in MEDIA or "-tts" in row["model"]:
        return media_facts_of(row, rounding)
    tiers = token_prices(row, rounding)
    plain = tiers.pop("", {})
    bare_output = row["mode"] in ("embedding", "moderation")
    if "i" not in plain or ("o" not in plain and not bare_output):
        return None
    plain.setdefault("o", 0)
    request = (row.get("other_prices_usd") or {}).get("input_cost_per_request")
    kept = {"chat": "aA", "embedding": "gav"}.get(row["mode"], "")
    units = {letter: price for letter, price in unit_prices(row, rounding).items() if letter in kept}
    if plain["i"] == 0 and plain["o"] == 0:
        # A table's zero mostly means "not known"; only what is free by the provider's own word stays.
        return {"free": ""} if row["mode"] == "moderation" else None
    facts = plain | units | (search_price(row, rounding) if row["mode"] in ("chat", "responses") else {})
    if request:
        facts["q"] = rounding.pico(Decimal(request))
    known = row.get("facts") or {}
    numbers = {
        "c": row.get("context_window"),
        "m": row.get("max_output"),
        "p": known.get("prompt_cache_min_tokens"),
        "u": uplift_percent(known),
    }
    facts.update({name: int(value) for name, value in numbers.items() if value})
    supports = "".join(sorted(SUPPORTS[s] for s in row["supports"] if s in SUPPORTS))
    if supports:
        facts["s"] = supports
    for tier, prices in sorted(tiers.items()):
        if not tier.isdigit() or "i" in prices or "o" in prices:
            facts["@" + tier] = "".join(f",{letter}{price}" for letter, price in prices.items())
    return facts


def dearer(left, right):
    """One row of two for the same model: each price the dearer."""
    merged = dict(right)
    for name, value in left.items():
        both_numbers = isinstance(value, int) and isinstance(right.get(name), int)
        merged[name] = max(value, right[name]) if both_numbers else value
    return merged


def main(path):
    table = json.loads(pathlib.Path(path).read_text(), parse_float=Decimal)
    rounding = Rounding()
    lines, pictures, left_out, merged = {}, {}, 0, 0
    # Converse rows first: they are the ones kept up to date.
    for row in sorted(table["models"], key=lambda row: row["provider"] != "bedrock_converse"):
        key = f"{kind_of(row['provider'])}/{row['model']}"
        if picture := picture_of(row, rounding):
            model, name, price = picture
            pictures.setdefault(f"{kind_of(row['provider'])}/{model}", {})[name] = price
            continue
        facts = facts_of(row, rounding) if row["mode"] in MODES | MEDIA else None
        if facts is None or "commitment" in key or "-x-" in key or re.search(r"\s", key):
            left_out += 1
        elif key in lines:
            merged += 1
            lines[key] = lines[key] if row["provider"] == "bedrock" else dearer(lines[key], facts)
        else:
            lines[key] = facts
    for key, sizes in pictures.items():
        lines.setdefault(key, {"i": 0, "o": 0}).update({name: f",{price}" for name, price in sorted(sizes.items())})
    rendered = [(key, " ".join(f"{name}{value}" for name, value in facts.items())) for key, facts in lines.items()]
    text = "".join(f"{key}\t{facts}\n" for key, facts in sorted(rendered, key=lambda line: line[0].encode()))
    (CATALOG / "prices.tsv").write_text(text)
    (CATALOG / "NOTICE.md").write_text(NOTICE.format(about=table["meta"]["about"]))
    print(f"{len(lines)} models, {merged} merged, {left_out} left out, {rounding.up} prices rounded up")


NOTICE = """# Where the prices come from

{about}

`prices.tsv` is made from that table by `scripts/prices.py`. Rows without a price, and video and search models, are left
out: they are unpriced until an operator prices them.

The LiteLLM model table is distributed under the MIT License:

> Copyright (c) 2023 Berri AI
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
> documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
> rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
> persons to whom the Software is furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
> Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
> WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
> COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
> OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
