//! AWS Signature Version 4, recomputed from the bytes that arrived: not the SDK's code.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use crate::server::Received;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The request is signed for Bedrock in `eu-west-2` with the key of the AWS documentation's examples.
pub fn assert_signed(request: &Received) {
    let authorization = request.header("authorization").unwrap();
    let claim = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/").unwrap();
    let (scope, rest) = claim.split_once(", SignedHeaders=").unwrap();
    let (names, signature) = rest.split_once(", Signature=").unwrap();
    let (date, place) = scope.split_once('/').unwrap();
    assert_eq!(place, "eu-west-2/bedrock/aws4_request");
    assert!(
        ["content-length", "content-type", "host"].iter().all(|name| names.split(';').any(|signed| signed == *name))
    );
    let canonical = canonical(request, names);
    let time = request.header("x-amz-date").unwrap();
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = [date, "eu-west-2", "bedrock", "aws4_request", &to_sign];
    let computed = key.iter().fold(b"AWS4wJalrXUtnFEMI".to_vec(), |key, text| hmac(&key, text));
    assert_eq!(hex(&computed), signature);
}

fn canonical(request: &Received, names: &str) -> String {
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", request.header(name).unwrap())).collect();
    let path = encode(&request.target);
    format!("{}\n{path}\n\n{headers}\n{names}\n{}", request.method, hex(&Sha256::digest(&request.body)))
}

/// The path as sent, its segments encoded once more.
fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
