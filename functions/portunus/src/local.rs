//! What a local server makes for itself once, at the first start in a data folder: a pepper, a root admin key, and a
//! first virtual key. Both keys are shown once, in the banner; only their hashes are kept.

use admin::http::AdminKey;
use domain::{KeyId, Secret, Timestamp, key::VirtualKey};
use sha2::{Digest, Sha256};
use std::io::Write;
use stores::{TableError, keys::Keys, ledger::Ledger, settings::Settings};

/// A local server's own secrets.
pub struct Local {
    pub pepper: Secret,
    pub admin_key: AdminKey,
    /// The root admin key in clear, if it was made just now.
    new_admin_key: Option<Secret>,
}

impl Local {
    /// Finds them, or makes them. An admin key that was given stands in for the one that would be made.
    ///
    /// # Errors
    /// As the table.
    pub async fn open(settings: &Settings, given: Option<&str>) -> Result<Local, TableError> {
        let pepper = settings.once("pepper", || random("")).await?;
        if let Some(given) = given {
            return Ok(Local { pepper, admin_key: AdminKey::of(&Secret::new(given)), new_admin_key: None });
        }
        let fresh = random("sk-ptn-admin-");
        let mine = hex(&Sha256::digest(fresh.expose().as_bytes()));
        let kept = settings.once("admin_key_sha256", || Secret::new(mine.clone())).await?;
        let is_new = kept.expose() == mine;
        Ok(Local {
            pepper,
            admin_key: AdminKey::from_sha256(bytes(kept.expose())),
            new_admin_key: is_new.then_some(fresh),
        })
    }

    /// Tells what is there: at the very first start the new keys and lines to try, later how to make a key. Whether
    /// anybody reads it is their affair.
    ///
    /// # Errors
    /// The first virtual key could not be made.
    pub async fn banner(
        &self,
        address: &str,
        keys: &Keys,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut text = format!("Portunus listens on http://{address}\n");
        let is_first = keys.list(1, None).await?.keys.is_empty();
        if let Some(admin_key) = &self.new_admin_key {
            let shown = admin_key.expose();
            text += &format!("\nRoot admin key, shown this once; keep it:\n\n  export PORTUNUS_ADMIN_KEY={shown}\n");
        }
        text += &if is_first { first_key(address, keys, ledger, now).await? } else { mint(address) };
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}

/// Makes a first virtual key, and says it with lines to try.
async fn first_key(
    address: &str,
    keys: &Keys,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<String, Box<dyn std::error::Error>> {
    let (key, secret) = keys.create(VirtualKey::named(KeyId::from(""), "first", now), None, now).await?;
    ledger.open_key(&key, &key.bounds(), now).await?;
    let (shown, trial) = (secret.expose(), trial(address, secret.expose()));
    Ok(format!("\nA first virtual key, shown this once:\n\n  export PORTUNUS_KEY={shown}\n\nTry it:\n\n{trial}\n"))
}

fn mint(address: &str) -> String {
    format!(
        "\nMake a virtual key with\n\n  curl -s http://{address}/admin/v1/keys -H \"Authorization: Bearer $PORTUNUS_ADMIN_KEY\" \
         -H 'content-type: application/json' -d '{{\"name\":\"mine\"}}'\n"
    )
}

fn trial(address: &str, key: &str) -> String {
    let line = |stream: &str| {
        format!(
            "  curl -sN http://{address}/v1/chat/completions -H 'Authorization: Bearer {key}' \
             -H 'content-type: application/json' \
             -d '{{\"model\":\"echo\"{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"Hello, gate!\"}}]}}'\n"
        )
    };
    format!("{}\n{}", line(""), line(",\"stream\":true"))
}

/// 256 random bits as text.
fn random(prefix: &str) -> Secret {
    let mut bits = [0u8; 32];
    // Without randomness there can be no secrets; the operating system does not fail here after boot.
    if let Err(problem) = getrandom::fill(&mut bits) {
        tracing::error!(%problem, "the operating system gives no randomness");
        std::process::exit(1);
    }
    Secret::new(format!("{prefix}{}", hex(&bits)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a SHA-256 in hex; anything else is the hash of nothing.
fn bytes(hex: &str) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (byte, at) in bytes.iter_mut().zip((0..hex.len()).step_by(2)) {
        *byte = hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash: [u8; 32] = Sha256::digest(b"key").into();
        assert_eq!(bytes(&hex(&hash)), hash);
    }
}
