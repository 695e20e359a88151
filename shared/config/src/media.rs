//! `media`: media that a request names by URL or as an object in S3 [E5].

use crate::raw::{At, Reader, Text, raw, words};

/// The most bytes of one fetched object unless configuration says otherwise: 5 MiB.
const MAX_BYTES: u64 = 5 << 20;
/// The most that configuration may say: 25 MiB.
const LARGEST: u64 = 25 << 20;

/// How media that a request only names are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub fetch: Fetch,
    /// Where from; nothing else is fetched.
    pub allow: Vec<Origin>,
    /// The most bytes of one object.
    pub max_bytes: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self { fetch: Fetch::Never, allow: Vec::new(), max_bytes: MAX_BYTES }
    }
}

/// What the gateway fetches itself, for providers that take bytes only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetch {
    /// `s3://` objects and https URLs.
    Any,
    Https,
    /// URLs go to providers that take them; for others the request is refused.
    #[default]
    Never,
    S3,
}

impl Fetch {
    fn permits(self, origin: &Origin) -> bool {
        match origin {
            Origin::Bucket { .. } => matches!(self, Fetch::Any | Fetch::S3),
            Origin::Host(_) | Origin::AnyHost => matches!(self, Fetch::Any | Fetch::Https),
        }
    }
}

/// A place to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `https://*`: every public host.
    AnyHost,
    /// `s3://bucket/prefix`: keys that begin with the prefix.
    Bucket { bucket: String, prefix: String },
    /// `https://host`: exactly this host.
    Host(String),
}

impl Media {
    /// Whether this object may be fetched.
    pub fn allows_object(&self, bucket: &str, key: &str) -> bool {
        self.allow.iter().any(|origin| match origin {
            Origin::Bucket { bucket: allowed, prefix } => allowed == bucket && key.starts_with(prefix.as_str()),
            Origin::AnyHost | Origin::Host(_) => false,
        })
    }

    /// Whether this host may be asked over https.
    pub fn allows_host(&self, host: &str) -> bool {
        self.allow.iter().any(|origin| match origin {
            Origin::AnyHost => true,
            Origin::Host(allowed) => allowed.eq_ignore_ascii_case(host),
            Origin::Bucket { .. } => false,
        })
    }
}

raw! {
    /// Media that a request names by URL or as an object in S3.
    struct RawMedia {
        /// What the gateway fetches for providers that take bytes only. never: URLs go to providers that take them, for
        /// others the request is refused. s3, https, any: what `allow` names is fetched and sent as bytes.
        fetch: Fetch,
        /// Where from: s3://bucket or s3://bucket/prefix, https://host, or https://* for every public host.
        allow: Vec<Text>,
        /// The most bytes of one object: 1 to 26214400 (25 MiB); 5242880 (5 MiB) if not written.
        max_bytes: At<u64>,
    }
}

words!(Fetch { "any" => Fetch::Any, "https" => Fetch::Https, "never" => Fetch::Never, "s3" => Fetch::S3, });

impl RawMedia {
    pub(crate) fn check(self, reader: &mut Reader) -> Media {
        let fetch = self.fetch.unwrap_or_default();
        let mut media = Media { fetch, ..Media::default() };
        for text in self.allow.unwrap_or_default() {
            match origin(&text.text) {
                None => reader.wrong(text.at, format!("{} is no place to fetch from: write s3://bucket, s3://bucket/prefix, https://host or https://*", text.shown())),
                Some(origin) if !fetch.permits(&origin) => {
                    reader.wrong(text.at, format!("{} is not fetched while media.fetch does not say so", text.shown()));
                }
                Some(origin) => media.allow.push(origin),
            }
        }
        if fetch != Fetch::Never && media.allow.is_empty() {
            reader.wrong(self.at, "media.allow must name what may be fetched");
        }
        match self.max_bytes {
            Some(most) if (1..=LARGEST).contains(&most.value) => media.max_bytes = most.value,
            Some(most) => reader.wrong(most.at, "media.max_bytes must be 1 to 26214400"),
            None => {}
        }
        media
    }
}

fn origin(text: &str) -> Option<Origin> {
    if let Some(rest) = text.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        return is_bucket(bucket).then(|| Origin::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
    }
    match text.strip_prefix("https://")? {
        "*" => Some(Origin::AnyHost),
        host if is_host(host) => Some(Origin::Host(host.to_ascii_lowercase())),
        _ => None,
    }
}

/// A bucket's name, so that it can stand in a host name [E6].
pub fn is_bucket(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    (3..=63).contains(&name.len())
        && letters
        && ends(name.as_bytes().first())
        && ends(name.as_bytes().last())
        && !name.contains("..")
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e5_only_what_is_named_may_be_fetched() {
        let allow = ["s3://scans/in/", "https://img.example.com"].map(|text| origin(text).unwrap()).to_vec();
        let media = Media { fetch: Fetch::Any, allow, ..Media::default() };
        assert!(media.allows_object("scans", "in/a.png") && !media.allows_object("scans", "out/a.png"));
        assert!(!media.allows_object("scans2", "in/a.png"));
        assert!(media.allows_host("IMG.example.com") && !media.allows_host("evil.img.example.com"));
    }

    #[test]
    fn e6_names_that_cannot_stand_in_a_host_name_are_no_buckets() {
        for text in
            ["s3://a", "s3://A-b-c", "s3://a..b", "s3://-ab", "s3://a_b/c", "https://x/y", "http://x", "https://"]
        {
            assert_eq!(origin(text), None, "{text}");
        }
        assert_eq!(origin("https://*"), Some(Origin::AnyHost));
    }
}
