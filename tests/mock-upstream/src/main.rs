//! `mock-upstream`: the stand-in as a process, for SDK tests and benchmarks. `--help` lists the options.

use mock_upstream::bench::{self, Bench};
use mock_upstream::dialect::Credentials;
use mock_upstream::sigv4::SigningKeys;
use mock_upstream::{MockUpstream, Plan, Settings};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

const HELP: &str = "mock-upstream: a provider stand-in on the loopback interface

  --listen ADDRESS          127.0.0.1:0 by default; the address is printed on the first line
  --chunks N                text events per stream
  --script FILE             plans to begin with, as for PUT /_ctl/script
  --openai-key KEY          accept this key only (also --anthropic-key, --cohere-key, --gemini-key, --bedrock-token)
  --access-key-id ID        check Bedrock signatures with this id and --secret-access-key (default: test, test)
  --bench                   pre-rendered answers: nothing checked, recorded or billed
  --text-bytes N            bench: text bytes per answer
  --between-ms N            bench: wait between the events of a stream
";

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options(std::env::args().skip(1).collect());
    if options.flag("--help") {
        print!("{HELP}");
        return Ok(());
    }
    let listen = options.parsed("--listen", SocketAddr::from(([127, 0, 0, 1], 0)))?;
    if options.flag("--bench") {
        let ready = |address| println!("listening on http://{address}");
        return Ok(bench::serve(options.bench()?, listen, ready)?);
    }
    let plans = options.plans()?;
    let chunks = options.parsed("--chunks", Settings::default().chunks)?;
    let server = MockUpstream::start_with(Settings { listen, chunks, credentials: options.credentials() })?;
    server.script(plans);
    println!("listening on {}", server.url());
    server.join();
    Ok(())
}

/// The command line, asked by name.
struct Options(Vec<String>);

impl Options {
    fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|word| word == name)
    }

    fn value(&self, name: &str) -> Option<String> {
        self.0.iter().skip_while(|word| *word != name).nth(1).cloned()
    }

    fn parsed<T>(&self, name: &str, default: T) -> Result<T, String>
    where
        T: std::str::FromStr,
    {
        self.value(name).map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name}: cannot read '{text}'")))
    }

    fn bench(&self) -> Result<Bench, String> {
        let usual = Bench::default();
        Ok(Bench {
            text_bytes: self.parsed("--text-bytes", usual.text_bytes)?,
            chunks: self.parsed("--chunks", usual.chunks)?,
            between: Duration::from_millis(self.parsed("--between-ms", 0)?),
        })
    }

    fn plans(&self) -> Result<Vec<Plan>, Box<dyn Error>> {
        let Some(file) = self.value("--script") else { return Ok(vec![]) };
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    fn credentials(&self) -> Credentials {
        let keys = self.value("--access-key-id").zip(self.value("--secret-access-key"));
        Credentials {
            openai: self.value("--openai-key"),
            cohere: self.value("--cohere-key"),
            gemini: self.value("--gemini-key"),
            anthropic: self.value("--anthropic-key"),
            bedrock_token: self.value("--bedrock-token"),
            bedrock_keys: keys
                .map(|(access_key_id, secret_access_key)| SigningKeys { access_key_id, secret_access_key }),
        }
    }
}
