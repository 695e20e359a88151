//! Images and sounds of those who are not asked in OpenAI's words.

use super::{Plain, STANDARD, only, required, token_count};
use crate::dialect::Fault;
use crate::dialect::read::missing;
use base64::Engine;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nmock";
/// Tokens of one image of Gemini's.
const IMAGE: u64 = 1_290;

/// A prompt that is refused.
fn is_refused(prompt: &str) -> bool {
    prompt.contains("forbidden")
}

fn png() -> String {
    STANDARD.encode(PNG)
}

/// Nova Canvas and Titan Image.
pub(super) fn amazon(body: &Value) -> Result<Plain, Fault> {
    let task = required(body, "taskType")?;
    let (own, members): (&str, &[&str]) = match task {
        "TEXT_IMAGE" => ("textToImageParams", &["negativeText", "text"]),
        "IMAGE_VARIATION" => ("imageVariationParams", &["images", "negativeText", "similarityStrength", "text"]),
        "INPAINTING" => ("inPaintingParams", &["image", "maskImage", "maskPrompt", "negativeText", "text"]),
        _ => return Err(Fault::invalid("Malformed input request: taskType is not a valid enum value")),
    };
    only(body, &["imageGenerationConfig", "taskType", own])?;
    let params = body.get(own).ok_or_else(|| missing(own))?;
    only(params, members)?;
    if task == "INPAINTING" && params.get("maskImage").is_none() && params.get("maskPrompt").is_none() {
        return Err(missing("maskImage"));
    }
    let config = body.get("imageGenerationConfig").unwrap_or(&Value::Null);
    only(config, &["cfgScale", "height", "numberOfImages", "quality", "seed", "width"])?;
    let count = config.get("numberOfImages").and_then(Value::as_u64).unwrap_or(1);
    if !(1..=5).contains(&count) {
        return Err(Fault::invalid("Malformed input request: numberOfImages is not between 1 and 5"));
    }
    let images: Vec<String> = (0..count).map(|_| png()).collect();
    Ok(Plain::json(&json!({"images": images, "error": null})).charged(0, 0))
}

/// Stability's models.
pub(super) fn stability(body: &Value) -> Result<Plain, Fault> {
    only(
        body,
        &["aspect_ratio", "image", "mask", "mode", "negative_prompt", "output_format", "prompt", "seed", "strength"],
    )?;
    if body.get("prompt").and_then(Value::as_str).is_some_and(is_refused) {
        return Ok(Plain::json(&json!({"finish_reasons": ["Filter reason: prompt"]})).charged(0, 0));
    }
    let answer = json!({"seeds": [7], "finish_reasons": [null], "images": [png()]});
    Ok(Plain::json(&answer).charged(0, 0))
}

/// `generateContent` of a model that answers with an image or a sound.
pub(super) fn gemini(body: &Value) -> Result<Plain, Fault> {
    only(body, &["contents", "generationConfig", "safetySettings", "systemInstruction"])?;
    let config = body.get("generationConfig").unwrap_or(&Value::Null);
    only(config, &["imageConfig", "responseModalities", "speechConfig"])?;
    let parts = body.pointer("/contents/0/parts").and_then(Value::as_array).ok_or_else(|| missing("contents"))?;
    let prompt: String = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
    if is_refused(&prompt) {
        return Ok(Plain::json(&json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})).charged(0, 0));
    }
    let sounds = config.get("responseModalities") == Some(&json!(["AUDIO"]));
    let (kind, data, modality, output) = match sounds {
        true => {
            let samples: Vec<u8> = prompt.bytes().cycle().take(4_800).collect();
            ("audio/L16;codec=pcm;rate=24000", STANDARD.encode(samples), "AUDIO", 25)
        }
        false => ("image/png", png(), "IMAGE", IMAGE),
    };
    let input = token_count(prompt.len());
    let answer = json!({
        "candidates": [{
            "content": {"role": "model", "parts": [{"inlineData": {"mimeType": kind, "data": data}}]},
            "finishReason": "STOP", "index": 0,
        }],
        "usageMetadata": {
            "promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": input}],
            "candidatesTokensDetails": [{"modality": modality, "tokenCount": output}],
        },
    });
    Ok(Plain::json(&answer).charged(input, output))
}

/// `predict` of Imagen.
pub(super) fn imagen(body: &Value) -> Result<Plain, Fault> {
    only(body, &["instances", "parameters"])?;
    body.pointer("/instances/0/prompt").and_then(Value::as_str).ok_or_else(|| missing("prompt"))?;
    let parameters = body.get("parameters").unwrap_or(&Value::Null);
    only(parameters, &["aspectRatio", "outputOptions", "sampleCount"])?;
    let count = parameters.get("sampleCount").and_then(Value::as_u64).unwrap_or(4).min(4);
    let one = json!({"mimeType": "image/png", "bytesBase64Encoded": png()});
    Ok(Plain::json(&json!({"predictions": vec![one; usize::try_from(count).unwrap_or(1)]})).charged(0, 0))
}
