//! AWS Signature Version 4, recomputed from the bytes that arrived. Clock skew is not judged.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, read 2026-11.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The keys a signature is checked with.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    /// The access key id expected in the credential.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
}

/// A request as signed: nothing decoded, nothing normalised.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Method.
    pub method: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// Names in lower case, values trimmed.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
}

struct Claim<'a> {
    scope: &'a str,
    headers: &'a str,
    signature: &'a str,
}

/// Checks the `Authorization` header; the error says which part is wrong.
pub fn check(request: Signed<'_>, keys: &SigningKeys, service: &str) -> Result<(), &'static str> {
    let claim = header(request.headers, "authorization").and_then(claim).ok_or("no AWS4-HMAC-SHA256 authorization")?;
    let parts: Vec<&str> = claim.scope.split('/').collect();
    let [access_key, date, region, named, "aws4_request"] = parts[..] else { return Err("malformed credential scope") };
    if access_key != keys.access_key_id {
        return Err("unknown access key");
    }
    if named != service {
        return Err("wrong service in the credential scope");
    }
    let signed: Vec<&str> = claim.headers.split(';').collect();
    if !signed.contains(&"host") {
        return Err("host is not signed");
    }
    let time = header(request.headers, "x-amz-date").ok_or("no x-amz-date")?;
    if !time.starts_with(date) {
        return Err("x-amz-date is not in the credential scope");
    }
    let canonical = canonical_request(request, &signed)?;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = signing_key(&keys.secret_access_key, date, region, service);
    let same = hex(&hmac(&key, to_sign.as_bytes())) == claim.signature;
    same.then_some(()).ok_or("the signature does not match")
}

fn claim(authorization: &str) -> Option<Claim<'_>> {
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='));
    Some(Claim { scope: field("Credential")?, headers: field("SignedHeaders")?, signature: field("Signature")? })
}

fn canonical_request(request: Signed<'_>, signed: &[&str]) -> Result<String, &'static str> {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let hash = hex(&Sha256::digest(request.body));
    if header(request.headers, "x-amz-content-sha256").is_some_and(|claimed| claimed != hash) {
        return Err("x-amz-content-sha256 is not the body's");
    }
    let mut headers = String::new();
    for name in signed {
        let value = header(request.headers, name).ok_or("a signed header is missing")?;
        headers.push_str(&format!("{name}:{}\n", single_spaced(value)));
    }
    let (path, query, names) = (canonical_path(path), canonical_query(query), signed.join(";"));
    Ok(format!("{}\n{path}\n{query}\n{headers}\n{names}\n{hash}", request.method))
}

/// Each segment of the path as sent is encoded once more, as all services but S3 do.
fn canonical_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|p| !p.is_empty());
    let mut pairs: Vec<_> = pairs.map(|p| p.split_once('=').unwrap_or((p, ""))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&")
}

fn encode(segment: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    segment.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn single_spaced(value: &str) -> String {
    value.split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    let steps = [date, region, service, "aws4_request"];
    steps.iter().fold(format!("AWS4{secret}").into_bytes(), |key, step| hmac(&key, step.as_bytes()))
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length; the error type is there for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published suite's keys and its case `get-vanilla-query-order-key-case`.
    fn published() -> (Vec<(String, String)>, SigningKeys) {
        let auth = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                    SignedHeaders=host;x-amz-date, \
                    Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"), ("authorization", auth)];
        let keys = SigningKeys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        };
        (headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(), keys)
    }

    fn request<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Signed<'a> {
        Signed { method: "GET", target: "/?Param2=value2&Param1=value1", headers, body }
    }

    #[test]
    fn the_published_example_passes() {
        let (headers, keys) = published();
        assert_eq!(check(request(&headers, b""), &keys, "service"), Ok(()));
    }

    #[test]
    fn a_changed_body_secret_or_header_does_not_pass() {
        let (headers, keys) = published();
        let wrong = Err("the signature does not match");
        assert_eq!(check(request(&headers, b"x"), &keys, "service"), wrong);
        let stolen = SigningKeys { secret_access_key: "other".into(), ..keys.clone() };
        assert_eq!(check(request(&headers, b""), &stolen, "service"), wrong);
        let mut moved = headers.clone();
        moved[0].1 = "evil.example".into();
        assert_eq!(check(request(&moved, b""), &keys, "service"), wrong);
        assert!(check(request(&headers, b""), &keys, "bedrock").is_err());
    }

    #[test]
    fn an_encoded_path_is_encoded_once_more() {
        assert_eq!(canonical_path("/model/a%3A0/converse"), "/model/a%253A0/converse");
    }
}
