//! Names of roles and users: `arn:aws:sts::123456789012:assumed-role/app/session` is a session of
//! `arn:aws:iam::123456789012:role/app`.

/// A name that AWS answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    text: String,
    /// The role that a session is of.
    role: Option<String>,
}

impl Arn {
    /// The name, if it is one of a principal.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (scheme, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        let sound = scheme == "arn" && partition.starts_with("aws") && region.is_empty() && is_account(account);
        if !sound || resource.is_empty() || text.len() > 2048 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let session = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
        let role = match (service, session) {
            ("sts", Some((role, _))) => Some(format!("arn:{partition}:iam::{account}:role/{role}")),
            ("iam" | "sts", _) => None,
            _ => return None,
        };
        Some(Self { text: text.to_owned(), role })
    }

    /// Whose spending it is: the role of a session, whatever the session calls itself.
    pub fn holder(&self) -> &str {
        self.role.as_deref().unwrap_or(&self.text)
    }

    /// Whether a configured name or beginning means this principal, by the role or by the session.
    pub fn is_one_of(&self, pattern: &str) -> bool {
        [Some(self.text.as_str()), self.role.as_deref()].into_iter().flatten().any(|name| {
            match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            }
        })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_role_and_a_user_is_itself() {
        let session = Arn::read("arn:aws:sts::123456789012:assumed-role/app-a/i-0abc").unwrap();
        assert_eq!(session.holder(), "arn:aws:iam::123456789012:role/app-a");
        for pattern in [
            "arn:aws:iam::123456789012:role/app-a",
            "arn:aws:iam::123456789012:role/app-*",
            "arn:aws:sts::123456789012:assumed-role/app-a/*",
        ] {
            assert!(session.is_one_of(pattern), "{pattern}");
        }
        for pattern in [
            "arn:aws:iam::123456789012:role/app",
            "arn:aws:iam::999999999999:role/*",
            "arn:aws:iam::123456789012:user/app-a",
        ] {
            assert!(!session.is_one_of(pattern), "{pattern}");
        }
        assert_eq!(
            Arn::read("arn:aws:iam::123456789012:user/ann").unwrap().holder(),
            "arn:aws:iam::123456789012:user/ann"
        );
    }

    #[test]
    fn what_is_no_principal_is_none() {
        for text in [
            "",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::12:user/a",
            "arn:aws:sts:us-east-1:123456789012:x",
            "arn:aws:iam::123456789012:",
            "arn:aws:iam::123456789012:user/a\nb",
        ] {
            assert_eq!(Arn::read(text), None, "{text}");
        }
        let long = |length: usize| format!("{:a<length$}", "arn:aws:iam::123456789012:user/");
        assert!(Arn::read(&long(2048)).is_some());
        assert!(Arn::read(&long(2049)).is_none() && Arn::read(&long(3000)).is_none());
    }
}
